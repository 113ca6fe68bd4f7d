"""The reference of verdicts."""

import numpy as np
import pytest

import crystallin as cr
from crystallin._map._reference import Reference
from crystallin._map._verdicts import verdicts
from crystallin.model import cell_fit


def test_p_values_of_held_out_cells_are_uniform(referenced):
    about = referenced.about
    p = about.p_values(about.usual)
    for name, values in p.items():
        assert np.average(values < 0.1, weights=about.weights) == pytest.approx(0.1, abs=0.02), name
    assert about.n_samples == 6 and about.weights.sum() == pytest.approx(1)


def test_it_survives_a_dict(referenced):
    about = referenced.about
    again = Reference.from_dict(about.to_dict())
    assert again.limit == about.limit
    np.testing.assert_array_equal(again.cells.covariance, about.cells.covariance)


def test_deviance_is_what_is_expected(referenced):
    """With the ratio of held-out cells, the excess of cells of the reference is near 0."""
    about, model = referenced.about, referenced.model
    fit = cell_fit(model, model.reading(), ratio=about.ratio)
    assert abs(fit.excess.mean()) < 0.5
    assert 0.5 < fit.excess.std() < 3


def test_the_model_is_not_changed(referenced):
    model = referenced.model
    digest = model.digest
    before, model.reference_ = model.reference_, None
    try:
        cr.calibrate(model, "type")
        assert model.reference_["n_samples"] == 0 and not len(model.reference_["shifts"])
        assert np.isnan(Reference.from_dict(model.reference_).limit)
    finally:
        model.reference_ = before
    assert model.digest == digest


def test_without_samples_no_group_is_shifted(referenced):
    model = referenced.model
    before = model.reference_
    try:
        cr.calibrate(model, "type")
        cr.map(referenced.query, model, groupby="type")
        assert "shifted" not in set(cr.get.map_df(referenced.query, columns="all")["verdict"])
    finally:
        model.reference_ = before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"groupby": "nothing"}, KeyError, "not a column"),
        ({"groupby": "type", "sample_key": "nothing"}, KeyError, "not a column"),
        ({"groupby": "type", "sample_key": "one"}, ValueError, "single sample"),
        ({"groupby": "one"}, ValueError, "two are needed"),
        ({"groupby": "type", "n_folds": 1}, ValueError, "n_folds"),
    ],
)
def test_bad_input(referenced, options, error, message):
    model = referenced.model
    model.adata.obs["one"] = "same"
    before = model.reference_
    try:
        with pytest.raises(error, match=message):
            cr.calibrate(model, **options)
    finally:
        del model.adata.obs["one"]
    assert model.reference_ is before


def test_samples_of_several_batches(planted):
    """Each batch of a held-out sample gets intercepts of its own."""
    adata = planted.adata
    adata.obs["donor"] = [f"d{i % 3}" for i in range(adata.n_obs)]
    cr.pp.add_programs(adata, planted.sets)
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    model = cr.ProgramVAE(adata)
    short = {"max_epochs": 1, "posterior_epochs": 1, "enable_progress_bar": False}
    model.train(**short)
    cr.calibrate(model, "cell_type", sample_key="donor", n_folds=3, **short)
    assert model.reference_["n_samples"] == 3 and len(model.reference_["batch_shifts"]) == 6
    # labels that no other sample has
    adata.obs["own"] = adata.obs["donor"].astype(str)
    with pytest.raises(ValueError, match="Use coarser labels"):
        cr.calibrate(model, "own", sample_key="donor", n_folds=3, **short)


def test_a_model_without_data_is_refused(referenced, tmp_path):
    model = cr.load(referenced.model.export(tmp_path / "model"))
    with pytest.raises(ValueError, match="no data"):
        cr.calibrate(model, "type")


class Query:
    """What verdicts read of a query."""

    def __init__(self, about, means, n):
        rng = np.random.default_rng(0)
        spread = rng.multivariate_normal(np.zeros(len(about.cells.within)), about.cells.within, (len(means), n))
        self.activity = (means[:, None] + spread).reshape(-1, spread.shape[2])
        self.cells = about.cells
        self.batch_shift = 0.0
        self.label = about.cells.distances(self.activity).argmin(axis=1)


def judged(about, means, n=60):
    query = Query(about, np.asarray(means), n)
    codes = np.repeat(np.arange(len(means)), n)
    programs = [f"program {i}" for i in range(query.activity.shape[1])]
    return verdicts(about, query, [str(i) for i in range(len(means))], codes, np.ones(len(codes)), programs)


def test_verdicts_by_hand(referenced):
    about = referenced.about
    mean, root = about.cells.mean, np.linalg.cholesky(about.cells.covariance)
    # a direction in which labels do not differ, in standard deviations
    centres = about.cells.centres - about.cells.centres.mean(axis=0)
    way = root @ np.linalg.svd(centres)[2][-1]
    near, far = about.limit + 0.8, np.hypot(about.limit, about.cells.spacing) + 2
    table = judged(about, [mean[0], mean[1], mean[2] + near * way, mean[0] + far * way])
    assert table["verdict"].tolist()[:2] == ["like the reference"] * 2
    assert table["verdict"].iloc[3] == "new"
    assert table["distance"].iloc[3] == pytest.approx(far, abs=1)
    assert table["distance"].iloc[0] < 0.8
    # all groups moved in the same direction: none is new
    table = judged(about, mean + far * way)
    assert (table["verdict"] == "shifted").all()
    assert (table["own_distance"] < 1.5).all()
    assert judged(about, mean[:1], n=5)["verdict"].tolist() == ["too few cells"]


def test_moved_programs_are_named(referenced):
    about = referenced.about
    means = about.cells.mean.copy()
    means[1, 4] += 6 * np.sqrt(about.cells.covariance[4, 4])
    assert judged(about, means)["moved"].iloc[1].startswith("program 4 +")


def test_many_unlike_cells_are_not_like_the_reference(referenced):
    about = referenced.about
    query = Query(about, about.cells.mean, 60)
    codes = np.repeat(np.arange(3), 60)
    p = np.where(codes == 1, 0.01, 0.5)
    programs = [f"program {i}" for i in range(query.activity.shape[1])]
    table = verdicts(about, query, ["0", "1", "2"], codes, p, programs)
    assert table["verdict"].tolist() == ["like the reference", "shifted", "like the reference"]
    assert (table["unlike_limit"] < 1).all()


def test_what_a_foreign_batch_has_in_common_is_no_excuse(referenced):
    about = referenced.about
    centres = about.cells.centres - about.cells.centres.mean(axis=0)
    way = np.linalg.cholesky(about.cells.covariance) @ np.linalg.svd(centres)[2][-1]
    query = Query(about, about.cells.mean + (np.hypot(about.limit, about.cells.spacing) + 2) * way, 60)
    codes, programs = np.repeat(np.arange(3), 60), [f"program {i}" for i in range(query.activity.shape[1])]
    found = []
    for query.batch_shift in (0.0, 2 * about.batch_limit):
        found.append(set(verdicts(about, query, ["0", "1", "2"], codes, np.ones(180), programs)["verdict"]))
    assert found == [{"shifted"}, {"new"}]
