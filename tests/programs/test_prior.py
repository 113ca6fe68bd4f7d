import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from crystallin.programs import as_prior, make_prior

FRAME = pd.DataFrame([[1, 0], [0, -2], [0.5, 0]], index=["a", "b", "c"], columns=["p", "q"])


def test_edges_of_a_frame():
    prior = as_prior(FRAME)
    assert prior.gene.tolist() == [0, 2, 1]
    assert prior.program.tolist() == [0, 0, 1]
    assert prior.weight.tolist() == [1, 0.5, -2]
    assert (prior.n_genes, prior.n_programs) == (3, 2)


def test_arrays_and_back():
    prior = as_prior(FRAME)
    arrays = prior.to_dict()
    table = arrays.pop("table")
    assert all(isinstance(value, np.ndarray) for value in [*arrays.values(), *table.values()])
    again = as_prior(arrays | {"table": table})
    assert all((getattr(again, key) == value).all() for key, value in arrays.items())
    assert all((again.table[key] == value).all() for key, value in table.items())
    # models saved before tables travelled with them
    assert as_prior(arrays).table is None
    assert as_prior(prior) is prior


def test_bad_priors():
    with pytest.raises(ValueError, match="without genes: q"):
        as_prior(pd.DataFrame({"p": [1], "q": [0]}))
    with pytest.raises(ValueError, match="no programs at all"):
        as_prior(pd.DataFrame(index=["a"]))
    with pytest.raises(ValueError, match="not finite"):
        as_prior(FRAME.replace(0.5, np.nan))
    with pytest.raises(ValueError, match="All programs of the prior are decoys"):
        make_prior(sparse.eye(2).tocsc(), ["a", "b"], ["p", "q"], np.array([True, True]))
    with pytest.raises(ValueError, match="3 genes and 1 program"):
        make_prior(sparse.eye(3).tocsc(), ["a", "b", "c"], ["p"])
    with pytest.raises(TypeError, match="prior is a list"):
        as_prior([1])


def test_added_edges_are_known_and_change_the_digest():
    prior = as_prior(pd.DataFrame([[1.0, 0], [0, -2.0], [1, 0]], ["a", "b", "c"], ["x", "y"]))
    assert prior.added is None and prior.added_matrix.nnz == 0
    longer = prior.with_edges(np.array([1, 0]), np.array([0, 1]), np.array([1.0, -1.0]))
    np.testing.assert_array_equal(longer.added_matrix.toarray(), [[0, 1], [1, 0], [0, 0]])
    np.testing.assert_array_equal(longer.matrix.toarray(), [[1, -1], [1, -2], [1, 0]])
    assert longer.digest != prior.digest and longer.table == prior.table
    more = longer.with_edges(np.array([2]), np.array([1]), np.array([1.0]))
    assert more.added_matrix.nnz == 3
    saved = as_prior(more.to_dict())
    np.testing.assert_array_equal(saved.added, more.added)
    # arrays saved by earlier versions know nothing of additions
    earlier = {name: values for name, values in prior.to_dict().items() if name != "added"}
    assert as_prior(earlier).added is None
    for gene in ([0], [1]):
        with pytest.raises(ValueError, match="already"):
            longer.with_edges(np.array(gene), np.array([0]), np.array([1.0]))
