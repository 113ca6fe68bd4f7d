import numpy as np
import pytest
from scipy import sparse

from crystallin import stats


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=60)
    values = rng.normal(size=(30, 60))
    values[:8] += shared
    values[4:8] *= -1
    values -= values.mean(1, keepdims=True)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def sets_of(*members, n_genes=30):
    sets = sparse.lil_matrix((len(members), n_genes))
    for row, genes in enumerate(members):
        for gene, sign in genes.items():
            sets[row, gene] = sign
    return sets.tocsr()


def test_mean_correlation_of_the_members(vectors):
    members = dict.fromkeys(range(4), 1) | dict.fromkeys(range(4, 8), -1)
    sets = sets_of(members, dict.fromkeys(range(8), 1), dict.fromkeys(range(10, 30), 1), {3: 1}, {})
    found = stats.coherence(sets, vectors)
    for row, genes in ((0, members), (1, dict.fromkeys(range(8), 1)), (2, dict.fromkeys(range(10, 30), 1))):
        signs = np.array(list(genes.values()))
        r = np.corrcoef(vectors[list(genes)]) * np.outer(signs, signs)
        assert found[row] == pytest.approx(r[np.triu_indices(len(signs), 1)].mean())
    assert np.isnan(found[3:]).all()
    # in the wrong direction half of them cancel
    assert found[0] > 0.2 > abs(found[1])


def test_carriers_are_those_that_move_with_the_others(vectors):
    signs = np.repeat([1, -1], 4)
    all_move = sets_of(dict(enumerate(signs.tolist())))
    few_move = sets_of({0: 1, 1: 1} | dict.fromkeys(range(10, 30), 1))
    assert stats.n_carriers(all_move, vectors)[0] == pytest.approx(8, abs=0.7)
    same = np.tile(vectors[:1], (30, 1))
    assert stats.n_carriers(few_move, same)[0] == pytest.approx(22)
    pair = np.eye(30)
    pair[1] = pair[0]
    assert stats.n_carriers(few_move, pair)[0] == pytest.approx(2)
    assert stats.n_carriers(sets_of({0: 1}), same)[0] == 0
    assert stats.n_carriers(sets_of({}, {}), same).tolist() == [0, 0]
