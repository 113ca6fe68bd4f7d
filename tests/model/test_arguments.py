"""Every getter takes cells, groups and baselines in the same ways, by their names where they have some."""

import numpy as np
import pandas as pd
import pytest

from crystallin import _checks as checks
from crystallin.model import _attribution

GETTERS = {
    "get_activity": {},
    "sample_activity": {"n_samples": 2},
    "get_posterior_covariance": {},
    "get_attributions": {"method": "contributions", "programs": ["Program/1"]},
    "get_program_importance": {},
    "get_interactions": {"program": "Program/1", "genes": ["g1", "g2"]},
    "get_activity_without": {"gene_sets": [["g1"]]},
    "get_expression_without": {"programs": ["Program/1"]},
}
GROUPED = sorted(GETTERS.keys() - {"get_activity", "sample_activity", "get_posterior_covariance"})


def as_arrays(result):
    return [frame.to_numpy() for frame in result.values()] if isinstance(result, dict) else [np.asarray(result)]


def assert_same(result, expected):
    for one, other in zip(as_arrays(result), as_arrays(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", GETTERS)
def test_cells(model, name):
    def call(indices):
        return getattr(model, name)(indices=indices, **GETTERS[name])

    expected = call([7, 9, 7])
    names = model.adata.obs_names
    assert_same(call(iter([7, 9, 7])), expected)
    assert_same(call(names[[7, 9, 7]]), expected)
    mask = pd.Series(False, index=names[::-1])
    mask[names[[7, 9]]] = True
    assert_same(call(mask), call([7, 9]))
    for bad, match in (([], "indices is empty"), ([500], "position 500"), ([-1], "position -1")):
        with pytest.raises(ValueError, match=match):
            call(bad)


@pytest.mark.parametrize("name", GROUPED)
def test_groups(model, name):
    def call(groups):
        return getattr(model, name)(indices=range(10), groups=groups, **GETTERS[name])

    labels = model.adata.obs["cell_type"]
    expected = call(labels.to_numpy()[:10])
    # of all cells, in another order
    assert_same(call(labels[::-1]), expected)
    for bad, match in (
        (labels.to_numpy(), "500 values for 10 cells"),
        (labels.reset_index(drop=True), "aligned by its index"),
        (labels[5:], "lacks 5 of the 10 cells"),
        ("cell_type", "a single value"),
        ([None, *["a"] * 9], "1 missing label"),
    ):
        with pytest.raises(ValueError, match=match):
            call(bad)


def test_baselines(model):
    def call(**kwargs):
        return model.get_attributions(indices=range(5), target="encoder", **kwargs)

    profile = np.random.default_rng(0).gamma(2, size=240)
    genes = model.adata.var_names
    expected = call(baseline=profile)
    shuffled = pd.Series(profile, index=genes)[::-1]
    assert_same(call(baseline=shuffled), expected)
    assert_same(call(baseline=shuffled.to_frame("profile")), expected)
    assert_same(call(baseline=shuffled.to_frame("profile").T), expected)
    with pytest.raises(ValueError, match="baseline is aligned by its index, which lacks 1 of the 240 genes"):
        call(baseline=shuffled[1:])
    assert_same(call(baseline_indices=model.adata.obs_names[:3]), call(baseline_indices=range(3)))
    with pytest.raises(ValueError, match="baseline_indices is empty"):
        call(baseline_indices=[])


def test_a_baseline_of_the_wrong_length_is_named():
    with pytest.raises(ValueError, match="one value for each of the 3 genes"):
        checks.check_profiles([1.0, 2.0], ["a", "b", "c"])


def test_average_contributions_hold_few_cells_at_a_time(model, monkeypatch):
    asked = {"indices": range(300), "method": "contributions", "statistic": "average_cell"}
    whole = model.get_attributions(**asked)
    sizes = []
    posterior_start = model.module.posterior_start
    monkeypatch.setattr(_attribution, "N_AVERAGED", 70)
    monkeypatch.setattr(
        model.module, "posterior_start", lambda tensors: sizes.append(len(tensors["X"])) or posterior_start(tensors)
    )
    # modes are found to a tolerance, with a step more where a cell far from its mode stands beside
    np.testing.assert_allclose(model.get_attributions(**asked), whole, atol=2e-3)
    # the first are those whose average is the preconditioner
    assert sizes == [300, 70, 70, 70, 70, 20]
