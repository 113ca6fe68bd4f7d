import numpy as np
import pytest
from scipy.stats import spearmanr

from crystallin.programs import add_decoys, align, read_gene_sets

GENES = [f"g{i}" for i in range(400)]


def programs():
    rng = np.random.default_rng(1)
    sets = {f"p{i}": list(rng.choice(GENES, 10 + 5 * i, replace=False)) for i in range(4)}
    return align(read_gene_sets(sets), GENES, min_genes=1, max_genes=None)


def test_decoys_match_size_and_expression_and_share_no_gene():
    real, mean = programs(), np.random.default_rng(2).lognormal(0, 2, 400)
    both = add_decoys(real, mean, n_decoys=40, rng=np.random.default_rng(0))
    table = both.table.loc[both.table["decoy"]]
    assert len(table) == 40
    # every program serves as template equally often
    assert table["template"].value_counts().tolist() == [10, 10, 10, 10]
    matrix = both.matrix.toarray() != 0
    position = {name: i for i, name in enumerate(both.names)}
    expression = []
    for name, template in zip(table["name"], table["template"], strict=True):
        decoy, of = matrix[:, position[name]], matrix[:, position[template]]
        assert decoy.sum() == of.sum()
        assert not (decoy & of).any()
        expression.append([np.log(mean[decoy]).mean(), np.log(mean[of]).mean()])
    # sets drawn without matching differ by .5 on average
    assert np.abs(np.diff(expression)).mean() < 0.15
    assert both.names[:4].tolist() == real.names.tolist()


def test_matching_follows_expression_gene_by_gene():
    real, mean = programs(), np.arange(400.0)
    both = add_decoys(real, mean, n_decoys=1, rng=np.random.default_rng(0))
    decoy = np.flatnonzero(both.matrix[:, 4].toarray())
    of = np.flatnonzero(both.matrix[:, list(both.names).index(both.table["template"].iloc[4])].toarray())
    assert spearmanr(decoy, of).statistic > 0.95


def test_same_seed_same_decoys_and_no_global_state():
    real, mean = programs(), np.ones(400)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the point is that it stays as it is
    a, b = (add_decoys(real, mean, n_decoys=3, rng=np.random.default_rng(5)).matrix for _ in range(2))
    assert (a != b).nnz == 0
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_program_of_more_than_half_the_genes_has_no_decoy():
    real = align(read_gene_sets({"p": GENES[:250]}), GENES, min_genes=1, max_genes=None)
    with pytest.raises(ValueError, match="lower max_genes or set n_decoys=0"):
        add_decoys(real, np.ones(400), n_decoys=1, rng=np.random.default_rng(0))


def test_a_program_named_like_a_decoy_is_refused():
    real = align(read_gene_sets({"decoy 2": GENES[:10]}), GENES, min_genes=1, max_genes=None)
    with pytest.raises(ValueError, match="'decoy 2' has the same name as a decoy"):
        add_decoys(real, np.ones(400), n_decoys=2, rng=np.random.default_rng(0))
