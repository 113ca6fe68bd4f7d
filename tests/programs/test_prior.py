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
