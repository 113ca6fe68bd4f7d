"""Means of attributions that are estimated, against those of all cells."""

import numpy as np
import pytest

import crystallin as cr
from crystallin.model import _sampled


@pytest.fixture(scope="module")
def exact(model):
    return model.get_attributions()


def estimated(model, tolerance=0.02, **kwargs):
    return model.get_attributions(tolerance=tolerance, return_se=True, **kwargs)


def enough(mean, tolerance=0.02):
    return tolerance * np.maximum(np.abs(mean).max((0, 1)), _sampled.LEAST)


def test_errors_are_as_small_as_asked_and_as_large_as_said(model, exact, monkeypatch):
    errors, ses = [], []
    for seed in range(6):
        monkeypatch.setattr(model, "_random_state", seed)
        mean, se = estimated(model)
        assert mean.dtype == se.dtype == np.float32 and mean.shape == se.shape == exact.shape
        assert (se.max((0, 1)) <= 1.001 * enough(mean)).all() and se.max() > 0
        errors.append(mean - exact)
        ses.append(se)
    # of entries that matter
    large = np.abs(exact) > 0.1 * np.abs(exact).max()
    errors, ses = np.stack(errors)[:, large], np.stack(ses)[:, large]
    assert 0.5 < np.sqrt((errors**2).sum() / (ses**2).sum()) < 1.5
    # no bias: the mean over seeds is closer than single ones
    assert np.abs(errors.mean(0)).mean() < 0.7 * np.abs(errors).mean()


def test_of_the_same_seed_it_is_the_same(model):
    one, other = (estimated(model)[0] for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "asked",
    [
        {"method": "contributions"},
        {"method": "gradient_input"},
        {"method": "expected_gradients", "n_baselines": 2},
        {"baseline_indices": range(40)},
        {"kind": "total"},
        {"programs": ["Program/2"]},
        {"programs": ["Program/2", "Program/0"], "kind": "total"},
    ],
    ids=str,
)
def test_each_way_to_ask(model, asked):
    # which varies more between cells than one cell in ten can correct
    tolerance = 0.1 if asked.get("method") == "gradient_input" else 0.02
    whole = model.get_attributions(**asked)
    mean, se = estimated(model, tolerance, **asked)
    error = np.abs(mean - whole).max((0, 1))
    assert (error < 4 * enough(whole, tolerance)).all() and se.max() > 0
    # it has not seen everything, and knows
    assert error.max() > 0


def test_few_cells_are_exact(model, result):
    groups = result.obs["cell_type"]
    assert groups.value_counts().max() < _sampled.MIN_CELLS
    mean, se = estimated(model, groups=groups)
    np.testing.assert_array_equal(mean, model.get_attributions(groups=groups))
    assert not se.any()


def test_more_cells_than_the_stand_in_needs(model, exact, monkeypatch):
    monkeypatch.setattr(_sampled, "MAX_SURVEYED", 64)
    monkeypatch.setattr(_sampled, "SURVEY_SIZE", 16)
    surveyed = []

    class Group(_sampled._Group):
        def correct(self, enough):
            surveyed.append((self.n_surveyed, len(self.cells)))
            return super().correct(enough)

    monkeypatch.setattr(_sampled, "_Group", Group)
    mean, se = model.get_attributions(tolerance=0.4, return_se=True)
    assert surveyed[0][0] < surveyed[0][1]
    large = np.abs(exact) > 0.3 * np.abs(exact).max()
    assert (np.abs(mean - exact)[large] < 4 * se[large]).mean() > 0.9
    # a stricter tolerance takes all of them
    estimated(model)
    assert surveyed[1][0] == surveyed[1][1]


def test_where_sampling_is_no_use_it_is_exact(model, exact):
    mean, se = model.get_attributions(tolerance=1e-6, return_se=True)
    np.testing.assert_array_equal(mean, exact)
    assert not se.any()


def test_means_of_absolute_values_are_those_of_some_cells(model):
    whole = model.get_attributions(statistic="mean_absolute")
    mean, se = model.get_attributions(statistic="mean_absolute", tolerance=0.1, return_se=True)
    error = np.abs(mean - whole)
    assert 0 < error.max() and (error.max((0, 1)) < 4 * enough(whole, 0.1)).all()
    large = whole > 0.3 * whole.max()
    assert (error[large] < 3 * se[large]).mean() > 0.9
    # all cells are an exact mean
    mean, se = model.get_attributions(statistic="mean_absolute", tolerance=1e-6, return_se=True)
    np.testing.assert_allclose(mean, whole, rtol=1e-4, atol=1e-6)
    assert not se.any()


def test_exact_means_have_no_error(model, exact):
    mean, se = model.get_attributions(return_se=True)
    np.testing.assert_array_equal(mean, exact)
    assert se.shape == mean.shape and not se.any()


def test_errors_name_what_is_allowed(model):
    for tolerance in (0, -0.1, 1.5, "tight", np.nan):
        with pytest.raises(ValueError, match=r"tolerance=.* must be a number above 0 and at most 1"):
            model.get_attributions(tolerance=tolerance)
    for asked in ({"statistic": "each"}, {"target": "encoder"}):
        with pytest.raises(ValueError, match="tolerance and return_se are for means"):
            model.get_attributions(tolerance=0.02, **asked)
        with pytest.raises(ValueError, match="tolerance and return_se are for means"):
            model.get_attributions(return_se=True, **asked)


def test_in_anndata(model, result, exact):
    result.obs["one"] = "all cells"
    cr.tl.attributions(result, model, groupby="one")
    mean, se = result.varm["attributions"], result.varm["attributions_se"]
    assert se.shape == mean.shape == (result.n_vars, 16, 1) and se.dtype == np.float32
    assert result.uns["attributions"]["params"]["tolerance"] == 0.02
    table = cr.get.attributions_df(result, "Program/2", n=3)
    place = model.program_names.tolist().index("Program/2")
    np.testing.assert_array_equal(table["se"], se[result.var_names.get_indexer(table["gene"]), place, 0])
    cr.tl.attributions(result, model, groupby="one", exact=True)
    assert "attributions_se" not in result.varm and "se" not in cr.get.attributions_df(result)
    assert "tolerance" not in result.uns["attributions"]["params"]
    np.testing.assert_array_equal(result.varm["attributions"][:, :, 0], exact[0])
    result.varm["attributions_se"] = np.zeros((result.n_vars, 2))
    del result.uns["attributions"], result.varm["attributions"]
    with pytest.raises(ValueError, match=r"would overwrite adata.varm\['attributions_se'\]"):
        cr.tl.attributions(result, model, groupby="one")
    with pytest.raises(ValueError, match="exact='yes' must be True or False"):
        cr.tl.attributions(result, model, groupby="one", exact="yes", key_added="other")
    with pytest.raises(ValueError, match="tolerance=2 must be a number"):
        cr.tl.attributions(result, model, groupby="one", tolerance=2, key_added="other")


def test_contrast_by_integrated_gradients(model, result):
    result.obs["half"] = np.where(np.arange(result.n_obs) % 2, "odd", "even")
    asked = {"groupby": "half", "group": "odd"}
    cr.tl.contrast(result, model, "Program/2", method="integrated_gradients", **asked)
    table, params = cr.get.contrast_df(result), cr.get.contrast_params(result)
    assert params["method"] == "integrated_gradients" and (table["se"] >= 0).all()
    activity = cr.get.activity_df(result)["Program/2"].groupby(result.obs["half"]).mean()
    assert params["difference"] == pytest.approx(activity["odd"] - activity["even"], abs=0.01)
    cr.tl.contrast(result, model, "Program/2", **asked)
    assert "se" not in cr.get.contrast_df(result) and cr.get.contrast_params(result)["method"] == "contributions"
    with pytest.raises(ValueError, match="method='lime'"):
        cr.tl.contrast(result, model, "Program/2", method="lime", **asked)
    with pytest.raises(ValueError, match="tolerance=0 must be"):
        cr.tl.contrast(result, model, "Program/2", tolerance=0, **asked)
