"""Attributions of a trained model: sums, groups, baselines, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

import crystallin as cr
from crystallin import nn as blocks
from crystallin.model import _asked
from crystallin.stats import breadth

PROGRAMS = ["Program/2", "Program/5"]
COMPLETE = [
    ("activity", "contributions"),
    ("activity", "integrated_gradients"),
    ("encoder", "integrated_gradients"),
    ("encoder", "deeplift"),
]
# every method of either target; "mean" of a few cells
EVERY = [
    (target, name)
    for name, method in blocks.ATTRIBUTION_METHODS.items()
    for target in ("activity", "encoder")
    if getattr(method, target)
]


def change_from_the_mean(model, cells):
    """Of the encoder's mean, cells x programs: what there is besides genes is the same on both sides."""
    x = model.module.z_encoder.standardise(blocks.SparseCounts.of(torch.as_tensor(model.adata.X[cells].toarray())))
    with torch.no_grad():
        read = model.module.z_encoder.reader()
        return (read(x) - read(torch.zeros(240, 1))).numpy().T[:, : len(model.program_names)]


def test_the_reader_is_the_encoder_but_for_a_constant_of_the_batch(model):
    read = change_from_the_mean(model, np.arange(500))
    rest = model.get_activity(refine=False) - read
    for _, batch in pd.DataFrame(rest).groupby(model.adata.obs["batch"].to_numpy()):
        assert np.ptp(batch, axis=0).max() < 1e-4


@pytest.mark.parametrize(("target", "method"), COMPLETE)
def test_they_sum_to_the_activity_of_each_cell(model, target, method):
    cells = np.arange(0, 60)
    each = model.get_attributions(indices=cells, target=target, method=method, statistic="each")
    assert each.shape == (60, 240, 16) and each.dtype == np.float32
    if target == "activity":
        # activities as stored stop a little before the mode
        np.testing.assert_allclose(each.sum(1), model.get_activity(indices=cells), atol=0.05)
        return
    change = change_from_the_mean(model, cells)
    np.testing.assert_allclose(each.sum(1), change, atol=1e-4 * np.abs(change).max())


def test_two_exact_sums_of_the_same_activity(model):
    sums = [
        model.get_attributions(indices=range(80), method=method, statistic="each").sum(1)
        for method in ("contributions", "integrated_gradients")
    ]
    np.testing.assert_allclose(*sums, atol=5e-3)
    assert np.linalg.norm(sums[0] - sums[1]) < 1e-3 * np.linalg.norm(sums[0])


# linear in what they explain; the others sample, or drop small terms
LINEAR = [pair for pair in EVERY if pair[1] not in ("kernel_shap", "lime", "lrp", "smoothgrad")]


@pytest.mark.parametrize(("target", "method"), LINEAR)
@pytest.mark.parametrize("statistic", ["mean", "each"])
def test_attributions_of_totals_are_combinations_of_those_of_all_activities(model, target, method, statistic):
    asked = {"indices": np.arange(12), "target": target, "method": method, "statistic": statistic, "n_baselines": 3}
    weights = model.get_total_weights()
    expected = model.get_attributions(**asked) @ weights.to_numpy().T
    total = model.get_attributions(kind="total", **asked)
    np.testing.assert_allclose(total, expected, atol=2e-4)
    # of some programs, or of one
    for names in (PROGRAMS, PROGRAMS[:1]):
        some = model.get_attributions(kind="total", programs=names, **asked)
        np.testing.assert_allclose(some, total[..., weights.index.get_indexer(names)], atol=2e-4)


def test_attributions_of_totals_sum_to_them(quick, adata):
    """With unannotated dimensions, which are a part of totals and have no attributions of their own."""
    model = quick(adata, n_unannotated=2)
    # as large as other loadings, whatever training left of them
    loadings = np.random.default_rng(0).normal(0, 0.3, (2, adata.n_vars))
    model.module.decoder.unannotated.data = torch.as_tensor(loadings, dtype=torch.float32)
    cells = np.arange(40)
    total = model.get_activity(indices=cells, kind="total")
    for method in ("contributions", "integrated_gradients"):
        each = model.get_attributions(indices=cells, kind="total", method=method, statistic="each")
        np.testing.assert_allclose(each.sum(1), total, atol=0.05)
    alone = model.get_attributions(indices=cells, kind="total", method="contributions", programs=["Program/2"])
    np.testing.assert_allclose(alone.sum(1)[0, 0], total[:, 2].mean(), atol=0.01)
    with pytest.raises(ValueError, match="kind='both' is neither 'unique' nor 'total'|kind='both'"):
        model.get_attributions(kind="both")


def test_average_contributions_to_totals(model):
    asked = {"method": "contributions", "statistic": "average_cell", "groups": model.adata.obs["cell_type"]}
    expected = model.get_attributions(**asked) @ model.get_total_weights().to_numpy().T
    np.testing.assert_allclose(model.get_attributions(kind="total", **asked), expected, atol=1e-4)


def test_every_method_explains_totals(model):
    for method in ("kernel_shap", "lime", "lrp", "smoothgrad"):
        asked = {"target": "encoder", "method": method, "programs": PROGRAMS, "indices": [0]}
        found = model.get_attributions(kind="total", **asked)
        assert np.isfinite(found).all() and np.abs(found).max() > 0


@pytest.mark.parametrize(("target", "method"), EVERY)
def test_means_are_those_of_the_cells(model, target, method):
    cells = np.arange(6)
    options = {"target": target, "method": method, "programs": PROGRAMS, "n_baselines": 3}
    each = model.get_attributions(indices=cells, statistic="each", **options)
    labels = ["b", "a", "a", "b", "b", "a"]
    if method in ("kernel_shap", "lime", "smoothgrad"):
        # drawn anew for each call
        assert np.isfinite(each).all() and np.abs(each).max() > 0
        return
    means = model.get_attributions(indices=cells, groups=labels, **options)
    expected = [each[[1, 2, 5]].mean(0), each[[0, 3, 4]].mean(0)]
    np.testing.assert_allclose(means, expected, atol=2e-4)
    sizes = model.get_attributions(indices=cells, groups=labels, statistic="mean_absolute", **options)
    np.testing.assert_allclose(sizes[0], np.abs(each[[1, 2, 5]]).mean(0), atol=2e-4)


def test_minibatches_and_calls_do_not_matter(model):
    one = model.get_attributions(indices=range(50), programs=PROGRAMS)
    small = model.get_attributions(indices=range(50), programs=PROGRAMS, batch_size=7)
    np.testing.assert_allclose(small, one, atol=1e-3)
    sampled = {"target": "encoder", "method": "expected_gradients", "programs": PROGRAMS}
    np.testing.assert_array_equal(model.get_attributions(**sampled), model.get_attributions(**sampled))


def test_baselines(model, result):
    cells = np.arange(40)
    own = {"indices": cells, "programs": PROGRAMS}
    counts = result.X.toarray()
    profile = (counts / counts.sum(1, keepdims=True))[100:200].mean(0)
    for target in ("activity", "encoder"):
        given = model.get_attributions(baseline=profile, target=target, **own)
        # of any depth
        np.testing.assert_allclose(model.get_attributions(baseline=7 * profile, target=target, **own), given, atol=1e-3)
        cells_of_group = model.get_attributions(baseline_indices=np.arange(100, 200), target=target, **own)
        np.testing.assert_allclose(cells_of_group, given, atol=1e-3)
        assert np.abs(given - model.get_attributions(target=target, **own)).max() > 0.01
    # the mean over baselines that are cells is that over single ones
    several = model.get_attributions(method="expected_gradients", baseline=counts[[3, 9]], target="encoder", **own)
    single = [model.get_attributions(baseline=counts[i], target="encoder", **own) for i in (3, 9)]
    np.testing.assert_allclose(several, np.mean(single, axis=0), atol=1e-5)
    # a method with one baseline takes the mean of several, a deep cell counting no more than a shallow one
    deep = np.stack([100 * counts[3], counts[9]])
    shares = (counts[[3, 9]] / counts[[3, 9]].sum(1, keepdims=True)).mean(0)
    together, mean = (model.get_attributions(baseline=given, target="encoder", **own) for given in (deep, shares))
    np.testing.assert_allclose(together, mean, atol=1e-4)
    zero = model.get_attributions(baseline="zero", target="encoder", **own)
    each = model.get_attributions(baseline="zero", target="encoder", statistic="each", **own)
    # a gene without counts is at its baseline
    assert not np.abs(each[counts[cells] == 0]).max() > 1e-6 and np.abs(zero).max() > 0.01


def test_average_contributions_are_close(model, result):
    groups = result.obs["cell_type"].astype(str).to_numpy()
    exact = model.get_attributions(method="contributions", groups=groups)
    close = model.get_attributions(method="contributions", groups=groups, statistic="average_cell")
    assert close.shape == exact.shape
    real = ~model.is_decoy
    difference, rough = exact[0] - exact[1], close[0] - close[1]
    r = [np.corrcoef(difference[:, p], rough[:, p])[0, 1] for p in np.flatnonzero(real)]
    assert min(r) > 0.97
    ratio = [breadth(rough[:, p]) / breadth(difference[:, p]) for p in np.flatnonzero(real)]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)


def test_the_average_cell_is_for_contributions(model):
    for options in ({}, {"method": "contributions", "target": "encoder"}):
        with pytest.raises(ValueError, match="average_cell|contributions"):
            model.get_attributions(statistic="average_cell", **options)
    some = ["Program/3", "Program/1"]
    asked = {"method": "contributions", "statistic": "average_cell", "indices": range(50)}
    every = model.get_attributions(**asked)
    where = [model.program_names.tolist().index(name) for name in some]
    np.testing.assert_array_equal(model.get_attributions(programs=some, **asked), every[..., where])


def test_contributions_to_one_activity_need_no_matrix_and_are_the_same(model):
    groups = model.adata.obs["cell_type"]
    every = model.get_attributions(method="contributions", groups=groups)
    for place in (0, 5):
        alone = model.get_attributions(method="contributions", groups=groups, programs=[model.program_names[place]])
        np.testing.assert_allclose(alone[..., 0], every[..., place], atol=1e-5)


def test_groups_come_in_the_order_that_is_asked_for(model):
    labels = model.adata.obs["cell_type"].astype(str)
    order = ["type 2", "type 0", "type 1"]
    ordered = labels.astype(pd.CategoricalDtype([*order, "nowhere"]))
    asked = {"target": "encoder", "method": "ablation", "programs": ["Program/1"]}
    by_name = model.get_attributions(groups=labels, **asked)
    # a Series, an array of categories, and a Series in another order of the cells
    for groups in (ordered, ordered.array, ordered.iloc[::-1]):
        np.testing.assert_array_equal(model.get_attributions(groups=groups, **asked), by_name[[2, 0, 1]])
    assert model.get_program_importance(groups=ordered).columns.tolist() == order
    numbers = labels.map({"type 0": 10, "type 1": 9, "type 2": 100}).to_numpy()
    np.testing.assert_array_equal(model.get_attributions(groups=numbers, **asked), by_name[[1, 0, 2]])


def test_importance_sums_to_the_gain_in_likelihood(model):
    importance = model.get_program_importance(groups=model.adata.obs["cell_type"])
    assert importance.index.tolist() == model.program_names.tolist() and importance.shape[1] == 3
    # planted programs matter, random sets do not
    mean = importance.mean(axis=1).to_numpy()
    assert mean[~model.is_decoy].min() > mean[model.is_decoy].max() and mean[~model.is_decoy].min() > 1


def test_interactions_of_pairs_are_few_and_symmetric(model):
    genes = model._prior.genes[:6].tolist()
    found = model.get_interactions("Program/2", genes, indices=range(50))["all"]
    assert found.index.tolist() == genes
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    # rows over all genes are the integrated gradients
    every = model.get_interactions("Program/2", model._prior.genes, indices=range(50))["all"]
    gradients = model.get_attributions(indices=range(50), target="encoder", programs=["Program/2"])[0, :, 0]
    np.testing.assert_allclose(every.sum(axis=1), gradients, atol=1e-4)


def test_activity_without_genes(model, result, planted):
    members = planted.sets["Program/2"]
    sets = [[], members, ["g0"]]
    left = model.get_activity_without(sets, programs=PROGRAMS, groups=result.obs["cell_type"])
    assert left.shape == (3, 3, 2)
    as_it_is = cr.get.activity_df(result)["Program/2"].groupby(result.obs["cell_type"], observed=True).mean()
    np.testing.assert_allclose(left[0, :, 0], as_it_is, atol=0.01)
    # without its genes the program is down everywhere, the other hardly moves
    assert (left[1, :, 0] < left[0, :, 0] - 0.5).all()
    assert np.abs(left[1, :, 1] - left[0, :, 1]).max() < 0.3 * np.abs(left[1, :, 0] - left[0, :, 0]).max()
    # nothing is left to know with all genes as expected
    nothing = model.get_activity_without([model._prior.genes], baseline="mean", programs=PROGRAMS)
    np.testing.assert_allclose(nothing, 0, atol=0.02)
    by_encoder = model.get_activity_without([[]], target="encoder", programs=PROGRAMS)
    names = model.program_names.tolist()
    where = [names.index(name) for name in PROGRAMS]
    np.testing.assert_allclose(by_encoder[0, 0], model.get_activity(refine=False).mean(0)[where], atol=1e-4)


def test_expression_without_programs(model):
    before, after = (model.get_expression_without(names)[0] for names in ([], ["Program/2"]))
    assert before.sum() == pytest.approx(1e4, rel=1e-4) and after.sum() == pytest.approx(1e4, rel=1e-4)
    raised = model.get_loadings()["Program/2"].to_numpy() > 0
    assert np.abs(after - before)[raised].mean() > 5 * np.abs(after - before)[~raised].mean()


def test_loadings_are_on_the_prior(model):
    prior = pd.DataFrame(model.prior.toarray(), index=model._prior.genes, columns=model.program_names)
    assert ((model.get_loadings() != 0).to_numpy() <= (prior != 0).to_numpy()).all()


# ------------------------------------------------------------------------------------------------------ bad input


def bad(match, error=ValueError):
    return pytest.raises(error, match=match)


def test_what_is_refused(model, result, monkeypatch):
    ask = model.get_attributions
    with bad("method='magic' is not one of 'integrated_gradients', 'contributions'"):
        ask(method="magic")
    with bad("method='ablation' is not available for target='activity'; use 'integrated_gradients', 'contributions'"):
        ask(method="ablation")
    with bad("method='contributions' is not available for target='encoder'"):
        ask(method="contributions", target="encoder")
    with bad("target='z' is not one of 'activity', 'encoder'"):
        ask(target="z")
    with bad("'nothing' is not one of the 16 programs", KeyError):
        ask(programs=["nothing"])
    with bad('baseline="zero" is for target="encoder"'):
        ask(baseline="zero")
    with bad("is a single profile, but this method samples cells"):
        ask(baseline="zero", target="encoder", method="expected_gradients")
    with bad(r"baseline has shape \(3,\); give one value for each of the 240 genes"):
        ask(baseline=[1, 2, 3])
    with bad("it has 1 missing or infinite values, 0 negative values"):
        ask(baseline=np.where(np.arange(240) == 5, np.nan, 1))
    with bad("0 missing or infinite values, 0 negative values, and 1 profile\\(s\\) of zeros"):
        ask(baseline=np.zeros(240))
    with bad("method='contributions' does not use a baseline"):
        ask(method="contributions", baseline_indices=[1, 2])
    with bad("groups has 2 values for 500 cells"):
        ask(groups=["a", "b"])
    with bad("takes seconds for each cell and program. Name the cells"):
        ask(method="lime", target="encoder")
    monkeypatch.setattr(_asked, "MAX_CELL_VALUES", 1_000)
    with bad("Attributions of 500 cells x 240 genes x 16 programs would take 0.0 GiB, above the limit"):
        ask(statistic="each")
    monkeypatch.setattr(_asked, "find_spec", lambda name: None)
    with bad(r"method='lime' needs captum, which is not installed: pip install 'crystallin\[captum\]'", ImportError):
        ask(method="lime", target="encoder", indices=[0])
    with bad("'nogene' is not one of the model's 240 genes", KeyError):
        model.get_activity_without([["nogene"]])


def test_models_of_another_kind(quick, adata):
    model = quick(adata, gene_likelihood="zinb", context=False)
    with bad('needs an activity that changes smoothly .* Use method="contributions"'):
        model.get_attributions()
    sums = model.get_attributions(method="contributions", indices=range(30), statistic="each").sum(1)
    np.testing.assert_allclose(sums, model.get_activity(indices=range(30)), atol=0.05)
    # without a context network it reads linearly: all methods agree and no genes interact
    one, other = (
        model.get_attributions(method=method, target="encoder", indices=range(9))
        for method in ("integrated_gradients", "ablation")
    )
    np.testing.assert_allclose(one, other, atol=1e-5)
    with bad("context network of one hidden layer; this model has none"):
        model.get_interactions("Program/2", ["g0", "g1"])


def test_deeper_encoders(quick, adata):
    model = quick(adata)
    context = model.module.z_encoder.context
    wide = torch.nn.Linear(128, 128)
    model.module.z_encoder.context = torch.nn.Sequential(*context[:3], wide, torch.nn.Softplus(), context[3])
    cells = np.arange(20)
    each = model.get_attributions(indices=cells, target="encoder", programs=PROGRAMS, statistic="each")
    names = model.program_names.tolist()
    change = change_from_the_mean(model, cells)[:, [names.index(name) for name in PROGRAMS]]
    np.testing.assert_allclose(each.sum(1), change, atol=2e-3 * np.abs(change).max())
    with bad("method='ablation' is not available for an encoder with further layers; use 'integrated_gradients'"):
        model.get_attributions(target="encoder", method="ablation")
    with bad("this model has one with more layers"):
        model.get_interactions("Program/2", ["g0", "g1"])
    model.module.z_encoder = torch.nn.Identity()
    with bad("The model's encoder is a Identity, but attributions"):
        model.get_attributions(target="encoder")


def test_long_attributions_are_announced(model, caplog, monkeypatch):
    model.get_attributions(indices=range(3), method="contributions")
    assert not caplog.records
    # 3 cells x 8 nodes of the path
    monkeypatch.setattr("crystallin.model._asked.CUBES_PER_MINUTE", 3 * 8 * 16**3 / 5)
    model.get_attributions(indices=range(3))
    assert "a matrix of 16 x 16, 8 time(s) for each of 3 cells, which takes about 5 minutes" in caplog.text
    # contributions to one activity take no matrices, but absolute values of single cells do
    monkeypatch.setattr("crystallin.model._asked.CUBES_PER_MINUTE", 3 * 16**3 / 5)
    for statistic, announced in (("mean", False), ("mean_absolute", True)):
        caplog.clear()
        asked = {"method": "contributions", "programs": ["Program/1"], "statistic": statistic}
        model.get_attributions(indices=range(3), **asked)
        assert bool(caplog.records) == announced, statistic
