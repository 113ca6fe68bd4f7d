import logging
from functools import partial

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import optimize, special, stats

import crystallin as cr
from crystallin._checks import name_labels
from crystallin.tl._differences._design import covariate_matrix, make_units

rank, table_of = cr.tl.rank_programs_groups, partial(cr.get.rank_programs_groups_df, columns="all")
N_PROGRAMS = 8


@pytest.fixture
def cells(result):
    """Twelve donors in two arms, six in each; a factor all donors have; and no difference by either."""
    # not the seed of the planted cells, whose types would be drawn alike
    rng = np.random.default_rng(7)
    donor = rng.integers(0, 12, result.n_obs)
    result.obs["donor"] = pd.Categorical([f"d{i:02d}" for i in donor])
    result.obs["arm"] = np.where(donor < 6, "treated", "placebo")
    result.obs["visit"] = rng.choice(["before", "after"], result.n_obs)
    result.obs["sex"] = np.where(donor % 2, "f", "m")
    return result


def true_differences(cells, activity, key):
    """Programs x groups, long."""
    frame = pd.DataFrame(activity, columns=[f"Program/{i}" for i in range(N_PROGRAMS)])
    group = cells.obs[key].astype(str).to_numpy()
    parts = [(frame[group == name].mean() - frame[group != name].mean()).rename(name) for name in np.unique(group)]
    long = pd.concat(parts, axis=1).stack().rename("true").reset_index()
    return long.set_axis(["program", "group", "true"], axis=1)


# ---------------------------------------------------------------------------------------------------- what is found


def test_cells_without_samples(cells, model, planted):
    assert rank(cells, model, "cell_type") is None
    table = table_of(cells)
    assert (table["unit"] == "cell").all()
    assert len(table) == 3 * N_PROGRAMS and not table["program"].str.startswith("decoy").any()
    params = cells.uns["rank_programs_groups"]["params"]
    assert params["delta"] == 0.2 and not {"sample_key", "within", "paired"} & set(params)
    truth = table.merge(true_differences(cells, planted.activity, "cell_type"), on=["program", "group"])
    assert np.corrcoef(truth["effect"], truth["true"])[0, 1] > 0.95
    # freed from shrinkage: as large as the truth, while the means as stored are smaller
    assert np.polyfit(truth["true"], truth["effect"], 1)[0] == pytest.approx(1, abs=0.15)
    stored = truth["mean_group"] - truth["mean_reference"]
    assert np.polyfit(truth["true"], stored, 1)[0] < np.polyfit(truth["true"], truth["effect"], 1)[0]
    called = truth["q"] <= 0.05
    assert called.sum() >= 5 and (np.sign(truth["effect"]) == np.sign(truth["true"]))[called].all()
    assert (truth.loc[called, "probability"] > 0.7).all()


@pytest.mark.parametrize("options", [{}, {"sample_key": "donor"}])
def test_what_is_called(cells, model, options):
    rank(cells, model, "cell_type", **options)
    table = cells.uns["rank_programs_groups"]["table"]
    assert table.columns[:6].tolist() == ["stratum", "group", "reference", "program", "call", "not_called"]
    # eight decoys are too few for decoy_q
    assert table["decoy_q"].isna().all()
    called = (table["q"] <= 0.05) & (table["conditional_q"] <= 0.05)
    assert 0 < called.sum() < len(table)
    expected = np.where(called, np.where(table["effect"] > 0, "up", "down"), "")
    np.testing.assert_array_equal(table["call"], expected)
    np.testing.assert_array_equal(table["not_called"] == "", called)
    np.testing.assert_array_equal(table["total_call"] != "", table["total_q"] <= 0.05)


def test_means_and_overlap_are_those_of_the_cells(cells, model):
    rank(cells, model, "cell_type", groups=["type 0"], reference="type 2")
    table = table_of(cells).set_index("program")
    activity, both = cr.get.activity_df(cells), cr.get.activity_df(cells, sd=True)
    sd = both.iloc[:, 1::2].set_axis(activity.columns, axis=1)
    one, other = (cells.obs["cell_type"] == name for name in ("type 0", "type 2"))
    np.testing.assert_allclose(table["mean_group"], activity[one].mean()[table.index], rtol=1e-4, atol=1e-6)
    assert (table["n_group"] == one.sum()).all() and (table["n_reference"] == other.sum()).all()
    uncertainty = (sd[one | other.to_numpy()] ** 2).mean()
    np.testing.assert_allclose(table["reliability"], 1 - uncertainty[table.index], rtol=1e-3)
    rng = np.random.default_rng(0)
    for program in table.index[:3]:
        a, b = (
            activity.loc[part, program] + sd.loc[part, program] * rng.standard_normal(part.sum())
            for part in (one, other)
        )
        pairs = (a.to_numpy()[:, None] > b.to_numpy()).mean()
        assert table.loc[program, "overlap"] == pytest.approx(pairs, abs=0.06)


def test_samples_in_one_arm_each(cells, model):
    rank(cells, model, "arm", groups="treated", reference="placebo", sample_key="donor")
    table = table_of(cells)
    assert (table["n_samples_group"] == 6).all() and (table["n_samples_reference"] == 6).all()
    assert (table["q"] > 0.05).all() and table["p"].between(0, 1).all()
    assert (table["df"] >= 10).all()
    # all are tested, and eight decoys are too few to rank by
    assert table["q"].notna().all() and (np.diff(table["statistic"].abs()) <= 1e-9).all()


def test_samples_on_both_sides_are_paired(cells, model, caplog):
    """Donors that differ much: the paired comparison does not see it, the other one does."""
    shift = np.random.default_rng(1).normal(0, 1, 12)
    cells.obsm["X_programs"] += shift[cells.obs["donor"].cat.codes][:, None].astype(np.float32)
    lone = cells[~((cells.obs["donor"] == "d03") & (cells.obs["visit"] == "after"))].copy()
    with caplog.at_level(logging.INFO, logger="crystallin"):
        rank(lone, model, "visit", groups="after", reference="before", sample_key="donor")
    assert "left out samples d03, which are on one side only" in caplog.text
    paired = table_of(lone)
    assert (paired["n_samples_group"] == 11).all()
    rank(lone, model, "visit", groups="after", reference="before", sample_key="donor", paired=False)
    assert (table_of(lone)["se"].median() / paired["se"].median()) > 2
    assert cells.uns.get("rank_programs_groups") is None


# a posterior sd of .5 everywhere: activities as stored are shrunk by the same factor
SHRINKAGE = 1 - 0.5**2


def balance(adata, rng):
    """Twelve donors with twenty cells of each visit, which spread in the same way around a mean of their own.

    So all donors weigh the same. Returns the means as they were before shrinkage: donors x visits x programs.
    """
    adata = adata[:480].copy()
    donor, visit, cell = (part.ravel() for part in np.meshgrid(range(12), range(2), range(20), indexing="ij"))
    n_programs = adata.obsm["X_programs"].shape[1]
    # effects and spreads of their own
    means = rng.normal(0, 1, (12, 1, n_programs)) + rng.normal(
        0, rng.uniform(0.2, 1.5, n_programs), (12, 2, n_programs)
    )
    means[:, 1] += rng.normal(0, 0.5, n_programs)
    spread = rng.normal(0, 0.4, 20)
    adata.obsm["X_programs"] = SHRINKAGE * means[donor, visit] + (spread - spread.mean())[cell][:, None]
    adata.obsm["programs_sd"] = np.full((480, n_programs), 0.5)
    adata.obs["donor"] = [f"d{i:02d}" for i in donor]
    adata.obs["visit"] = np.array(["before", "after"])[visit]
    return adata, means


def compare_visits(adata, model, **options):
    rank(adata, model, "visit", groups="after", reference="before", sample_key="donor", **options)
    return table_of(adata).set_index("program")


def test_two_programs_of_equal_donors_are_a_t_test(planted, quick):
    """Two variances are too few to learn from, so that nothing is moderated: scipy's tests."""
    names = ["Program/0", "Program/1"]
    cr.pp.add_programs(planted.adata, {name: planted.sets[name] for name in names})
    model = quick(planted.adata, epochs=1)
    cr.tl.activity(planted.adata, model)
    adata, means = balance(planted.adata, np.random.default_rng(5))
    after, before = means[:, 1], means[:, 0]
    for paired, classic in ((True, stats.ttest_rel(after, before)), (False, stats.ttest_ind(after, before))):
        table = compare_visits(adata, model, paired=paired).loc[names]
        np.testing.assert_allclose(table["effect"], (after - before).mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(table["statistic"], classic.statistic, rtol=1e-6)
        np.testing.assert_allclose(table["p"], classic.pvalue, rtol=1e-5)
        np.testing.assert_array_equal(table["df"], classic.df)
        np.testing.assert_allclose(table[["lower", "upper"]].T, classic.confidence_interval(), rtol=1e-5)


def test_variances_are_moderated_as_by_limma(result, model):
    """Eight programs of equal donors, against the formulas of Smyth (2004), solved by scipy.

    The variance of the logarithms is that of eight correlated programs, with its standard error.
    """
    adata, means = balance(result, np.random.default_rng(6))
    difference = (means[:, 1] - means[:, 0])[:, :N_PROGRAMS]
    effect, variance, df = difference.mean(axis=0), difference.var(axis=0, ddof=1), 11
    logs = np.log(variance) - special.digamma(df / 2) + np.log(df / 2)
    squared = (np.corrcoef(difference.T)[~np.eye(N_PROGRAMS, dtype=bool)] ** 2).mean()
    squared = optimize.brentq(lambda x: x + (1 - x) ** 2 / df - squared, 0, 1)
    shared = ((df - 1) * squared + 0.25) / df
    independent, chance = N_PROGRAMS / (1 + (N_PROGRAMS - 1) * shared), special.polygamma(1, df / 2)
    error = np.sqrt((2 + special.polygamma(3, df / 2) / chance**2) / (independent - 1))
    spread = logs.var(ddof=1) * (1 + error) - (1 - shared) * chance
    prior_df = 2 * optimize.brentq(lambda x: special.polygamma(1, x) - spread, 1e-3, 1e3)
    prior = np.exp(logs.mean() + special.digamma(prior_df / 2) - np.log(prior_df / 2))
    # so that a wrong weight of the prior would show
    assert 1 < prior_df < 30
    moderated = (prior_df * prior + df * variance) / (prior_df + df)
    statistic = effect / np.sqrt(moderated / 12)
    table = compare_visits(adata, model, delta=0).loc[[f"Program/{i}" for i in range(N_PROGRAMS)]]
    np.testing.assert_allclose(table["effect"], effect, rtol=1e-6)
    np.testing.assert_allclose(table["statistic"], statistic, rtol=1e-5)
    # the prior's value is learned as well
    total_df = 1 / (1 / (df + prior_df) + (prior_df / (prior_df + df)) ** 2 / (df * independent))
    np.testing.assert_allclose(table["df"], total_df, rtol=1e-5)
    np.testing.assert_allclose(table["df_residual"], df)
    np.testing.assert_allclose(table["p"], 2 * stats.t.sf(np.abs(statistic), total_df), rtol=1e-4)
    np.testing.assert_allclose(table["q"], stats.false_discovery_control(table["p"]), rtol=1e-6)


def test_within_strata(cells, model, caplog):
    few = (cells.obs["cell_type"] != "type 2") | cells.obs["donor"].isin(["d00", "d07"]).to_numpy()
    cells = cells[few].copy()
    options = {"groups": "treated", "reference": "placebo", "sample_key": "donor", "within": "cell_type"}
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        rank(cells, model, "arm", **options)
    assert "cell_type='type 2': there are 1 sample(s) of the group and 1 of the reference" in caplog.text
    table = table_of(cells)
    assert table["stratum"].unique().tolist() == ["type 0", "type 1"]
    assert len(cells.uns["rank_programs_groups"]["params"]["left_out"]) == 1
    assert table_of(cells, stratum="type 1")["stratum"].unique().tolist() == ["type 1"]
    with pytest.raises(ValueError, match="No comparison is possible"):
        rank(cells[cells.obs["cell_type"] == "type 2"].copy(), model, "arm", **options)


def test_delta_is_an_interval_null(cells, model):
    rank(cells, model, "visit", sample_key="donor")
    p = table_of(cells).set_index(["group", "program"])["p"]
    rank(cells, model, "visit", sample_key="donor", delta=0.5)
    wide = table_of(cells).set_index(["group", "program"])["p"]
    assert (wide[p.index] >= p).all() and (wide[p.index] > p + 1e-3).any()


def test_covariates_take_out_what_they_explain(cells, model):
    """A batch that shifts one program's activities and is mostly in one group."""
    rng = np.random.default_rng(2)
    second = rng.random(cells.n_obs) < np.where(cells.obs["visit"] == "after", 0.8, 0.2)
    cells.obs["lane"] = np.where(second, "two", "one")
    cells.obs["fraction"] = second + 0.01 * rng.standard_normal(cells.n_obs)
    cells.obsm["X_programs"][second, 0] += 1
    for options in ({}, {"sample_key": "donor"}):
        effects = {}
        for covariates in (None, "lane", ["fraction"]):
            rank(cells, model, "visit", groups="after", reference="before", covariates=covariates, **options)
            effects[str(covariates)] = table_of(cells).set_index("program").loc["Program/0", ["effect", "se"]]
        assert abs(effects["None"]["effect"]) > 0.4
        for name in ("lane", "['fraction']"):
            assert abs(effects[name]["effect"]) < 3.5 * effects[name]["se"]
            # as cells of both lanes are in each sample, little is lost by it
            assert effects[name]["se"] < 1.4 * effects["None"]["se"]


def test_overlapping_programs(cells, model, planted):
    rank(cells, model, "cell_type")
    table = table_of(cells)
    assert set(table["family"]) <= set(table["program"]) and (table["variance_inflation"] >= 1).all()
    assert (table.groupby(["group", "family"])["lead"].sum() == 1).all()
    assert (table["nearest_twin"] != table["program"]).all() and table["twin_similarity"].between(0, 1).all()
    lead = table_of(cells, families="lead")
    assert len(lead) == table["lead"].sum() and lead["lead"].all()
    # the best known program is given nothing; it is only unmixed from those it shares genes with
    for _, part in table.groupby("group"):
        best = part.loc[part["reliability"].idxmax()]
        assert best["conditional_effect"] == pytest.approx(best["effect"], abs=0.03)
    explained = table["conditional_effect"] * table["effect"] < 0
    assert (table.loc[explained, "conditional_q"] > 0.05).all()
    assert table["conditional_se"].gt(0).all()


def test_breadth_of_differences(result, model):
    """Beside each difference, close to that of the exact contrast."""
    programs = ["Program/2", "Program/5"]
    rank(result, model, "cell_type")
    table = table_of(result).set_index(["group", "program"])
    exact = []
    for program in programs:
        cr.tl.contrast(result, model, program, groupby="cell_type", group="type 1")
        exact.append(cr.get.contrast_params(result)["breadth"])
    found = [table.loc[("type 1", program), "breadth"] for program in programs]
    np.testing.assert_allclose(found, exact, rtol=0.15)
    rank(result, model, "batch", groups="one", reference="two", within="cell_type")
    table = table_of(result)
    # no more genes than the program has, whatever others add
    size = table["program"].map(cr.get.programs_df(result, columns="all")["n_present"])
    assert (table["breadth"] >= 1 - 1e-6).all() and (table["breadth"] <= size + 1e-6).all()


def test_untested_programs(cells, model):
    cells.obsm["programs_sd"][:, 3] = 0.99
    rank(cells, model, "cell_type")
    table = table_of(cells)
    untested = table[table["program"] == "Program/3"]
    assert untested["q"].isna().all() and untested["effect"].notna().all()
    assert (table.groupby("group").tail(1)["program"] == "Program/3").all()
    assert len(table_of(cells, q_max=1.0)) == len(table) - 3


# ------------------------------------------------------------------------------------------------------ the result


def test_copy_files_and_subsets(cells, model, tmp_path):
    before = set(cells.uns)
    other = rank(cells, model, "cell_type", key_added="types", copy=True)
    assert set(cells.uns) == before and "types" in other.uns
    for extension in ("h5ad", "zarr"):
        path = tmp_path / f"cells.{extension}"
        getattr(other, f"write_{extension}")(path)
        back = getattr(ad, f"read_{extension}")(path)
        pd.testing.assert_frame_equal(
            table_of(back, key="types"), table_of(other, key="types"), check_dtype=False, check_categorical=False
        )
    part = other[:200].copy()
    rank(part, model, "cell_type")
    assert table_of(part)["n_group"].max() < 200


def test_filters(cells, model):
    rank(cells, model, "cell_type")
    table = table_of(cells)
    assert (table_of(cells, q_max=0.05)["q"] <= 0.05).all()
    assert (table_of(cells, effect_min=0.5)["effect_sd"].abs() >= 0.5).all()
    assert (table_of(cells, direction="up")["effect"] > 0).all()
    assert len(table_of(cells, direction="up")) + len(table_of(cells, direction="down")) == len(table)
    with pytest.raises(ValueError, match="direction='left' is not one of 'up', 'down'"):
        table_of(cells, direction="left")
    assert table_of(cells, "type 1")["group"].unique().tolist() == ["type 1"]
    # eight decoys are fewer than ten
    assert table["decoy_q"].isna().all()
    with pytest.raises(ValueError, match=r"decoy_q_max needs decoys.*n_decoys"):
        table_of(cells, decoy_q_max=0.05)
    with pytest.raises(ValueError, match=r"group='type 9' is not one of 'type 0'"):
        table_of(cells, "type 9")
    with pytest.raises(ValueError, match="families='some' is not one of"):
        table_of(cells, families="some")
    with pytest.raises(KeyError, match=r"no differences between groups under 'other'.*rank_programs_groups"):
        table_of(cells, key="other")


# ------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": ["type 9"]}, r"groups: 'type 9' is not a group of 'cell_type': 'type 0'"),
        ({"groups": []}, "groups is empty"),
        ({"groups": ["type 1"], "reference": "type 1"}, "'type 1' is both in groups and the reference"),
        ({"reference": "type 9"}, "reference='type 9' is neither 'rest' nor a group"),
        ({"sample_key": "cell_type"}, "sample_key='cell_type' is the same column as groupby"),
        ({"within": "cell_type"}, "within='cell_type' is the same column as groupby"),
        ({"covariates": ["cell_type"]}, "'cell_type' is already used as groupby"),
        ({"covariates": ["constant"]}, r"covariates: 'constant' has the same value in all cells \('x'\); leave it out"),
        ({"covariates": ["holes"]}, "covariates: 'holes' has missing or infinite values"),
        ({"covariates": ["copy"]}, r"Covariate 'copy' is confounded with the groups in cell_type='type 0'"),
        ({"sample_key": "holed"}, r"sample_key='holed' has 1 missing value\(s\); leave these cells out"),
        ({"within": "holed"}, "within='holed' has 1 missing"),
        ({"delta": -1}, "delta=-1 must be a number of at least 0"),
        ({"paired": True}, "paired=True needs sample_key="),
    ],
)
def test_bad_options(cells, model, options, message):
    cells.obs["constant"] = "x"
    cells.obs["copy"] = (cells.obs["cell_type"] == "type 0").astype(str)
    cells.obs["holes"] = np.where(np.arange(cells.n_obs) == 5, np.nan, cells.obs["age"])
    cells.obs["holed"] = cells.obs["donor"].where(np.arange(cells.n_obs) != 5)
    with pytest.raises(ValueError, match=message):
        rank(cells, model, "cell_type", **options)
    assert "rank_programs_groups" not in cells.uns


def test_bad_groups(cells, model):
    with pytest.raises(KeyError, match=r"groupby='celltype' is not a column of adata.obs.*Did you mean 'cell_type'"):
        rank(cells, model, "celltype")
    with pytest.raises(ValueError, match=r"groupby='age' holds numbers \(float64, 500 values\), not labels"):
        rank(cells, model, "age")
    cells.obs["lonely"] = np.where(np.arange(cells.n_obs) == 5, "one", "others")
    with pytest.raises(ValueError, match=r"1 cell\(s\) in the group and 499 in the reference.*at least 2"):
        rank(cells, model, "lonely")
    cells.obs["single"] = "x"
    with pytest.raises(ValueError, match="has one group only"):
        rank(cells, model, "single")
    cells.obs.loc[cells.obs_names[3], "visit"] = np.nan
    with pytest.raises(ValueError, match=r"groupby='visit' has 1 missing value"):
        rank(cells, model, "visit")


def test_bad_samples(cells, model):
    with pytest.raises(ValueError, match=r"6 sample\(s\) of the group and 6 of the reference, 0 of them on both sides"):
        rank(cells, model, "arm", groups="treated", reference="placebo", sample_key="donor", paired=True)
    cells.obs["few"] = np.where(cells.obs["arm"] == "treated", "a", cells.obs["donor"].astype(str))
    with pytest.raises(ValueError, match=r"1 sample\(s\) of the group and 6 of the reference.*Leave sample_key out"):
        rank(cells, model, "arm", groups="treated", reference="placebo", sample_key="few")
    # constant within donors: no difference in pairs, but what the arms differ in otherwise
    rank(cells, model, "visit", sample_key="donor", covariates=["sex"])
    cells.obs["drug"] = np.where(cells.obs["arm"] == "treated", 2.5, 0.0)
    with pytest.raises(ValueError, match=r"Covariate 'drug' is confounded with the groups in arm='placebo'"):
        rank(cells, model, "arm", sample_key="donor", covariates=["sex", "drug"])
    many = [f"x{i}" for i in range(10)]
    rng = np.random.default_rng(0)
    for name in many:
        cells.obs[name] = rng.standard_normal(12)[cells.obs["donor"].cat.codes]
    with pytest.raises(ValueError, match=r"12 means of samples are too few for 12 coefficients"):
        rank(cells, model, "arm", sample_key="donor", covariates=many)


def test_missing_and_stale_activities(cells, model, adata, quick):
    with pytest.raises(KeyError, match=r"no activities under 'X_programs'; call crystallin.tl.activity"):
        rank(adata, model, "cell_type")
    young = quick(epochs=1)
    cr.tl.activity(adata, young)
    young.train(max_epochs=1, enable_progress_bar=False)
    with pytest.raises(ValueError, match="are not those of this model: it was trained further"):
        rank(adata, young, "cell_type")


# ---------------------------------------------------------------------------------------------------------- design


def test_units_and_covariates():
    obs = pd.DataFrame({"g": list("abab"), "s": [2, 1, 1, 2], "x": [1.0, 2.0, 3.0, 4.0], "l": list("ppqr")})
    units = make_units(name_labels(obs["g"]), None, name_labels(obs["s"]))
    assert units.table["group"].tolist() == ["a", "a", "b", "b"] and units.table["sample"].tolist() == list("1212")
    assert units.code.tolist() == [1, 2, 0, 3]
    matrix, owner = covariate_matrix(obs, ["x", "l"])
    assert owner == ["x", "l", "l"] and matrix.shape == (4, 3)
    np.testing.assert_allclose(matrix[:, 0].mean(), 0, atol=1e-12)


# ----------------------------------------------------------------------------------------------------- two readings

ALSO = ["effect", "se", "lower", "upper", "effect_sd", "q", "decoy_q", "reliability"]


@pytest.mark.parametrize(
    "options", [{}, {"sample_key": "donor"}, {"covariates": ["age"]}, {"sample_key": "donor", "delta": 0.3}]
)
def test_totals_are_compared_as_activities_are(cells, model, options):
    """With totals in the place of activities, the columns of both readings are exchanged."""
    columns = [*ALSO, "p" if "sample_key" in options else "probability"]
    rank(cells, model, "visit", groups="after", reference="before", **options)
    table = table_of(cells).set_index("program").sort_index()
    for name in ("X_programs", "programs_sd"):
        total = f"{name}_total" if name.startswith("X") else "programs_total_sd"
        cells.obsm[name], cells.obsm[total] = cells.obsm[total], cells.obsm[name]
    rank(cells, model, "visit", groups="after", reference="before", **options)
    other = table_of(cells).set_index("program").sort_index()
    for name in columns:
        np.testing.assert_allclose(table[f"total_{name}"], other[name], rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(table[name], other[f"total_{name}"], rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(table["opposed"], other["opposed"])


def test_totals_are_freed_from_shrinkage(cells, model, planted):
    rank(cells, model, "cell_type")
    weights = model.get_total_weights().iloc[:N_PROGRAMS, :N_PROGRAMS].to_numpy(dtype=float)
    truth = true_differences(cells, planted.activity @ weights.T, "cell_type")
    table = table_of(cells).merge(truth, on=["program", "group"])
    assert np.corrcoef(table["total_effect"], table["true"])[0, 1] > 0.95
    assert np.polyfit(table["true"], table["total_effect"], 1)[0] == pytest.approx(1, abs=0.15)
    assert (np.sign(table["total_effect"]) == np.sign(table["true"]))[table["total_q"] <= 0.05].all()


def test_opposed_readings_and_who_explains_them(cells, model):
    """One program falls while others that share its genes rise: what its genes do in total is up."""
    names = model.program_names.tolist()
    weights = model.get_total_weights().to_numpy(dtype=float)
    shared = weights[:N_PROGRAMS] * (1 - np.eye(N_PROGRAMS, len(names)))
    k = int(np.abs(shared).sum(axis=1).argmax())
    after = (cells.obs["visit"] == "after").to_numpy()
    shift = 4 * np.sign(shared[k])
    shift[k] = -0.7
    cells.obsm["X_programs"][after] += shift.astype(np.float32)
    cells.obsm["X_programs_total"] = cells.obsm["X_programs"] @ weights.T.astype(np.float32)
    rank(cells, model, "visit", groups="after", reference="before")
    table = table_of(cells).set_index("program")
    row = table.loc[names[k]]
    assert row["opposed"] and row["upper"] < 0 < row["total_lower"]
    listed = row["explained_by"].split("; ")
    largest = [names[i] for i in np.argsort(-np.abs(shared[k]))]
    assert listed == largest[: len(listed)] and 1 <= len(listed) <= 3
    # the two readings of a program that is up by itself agree
    up = table[(table["lower"] > 0) & (table["total_lower"] > 0)]
    assert len(up) and not up["opposed"].any()
    assert table["opposed"].dtype == bool
    sure = (table["lower"] > 0) | (table["upper"] < 0) | (table["total_lower"] > 0) | (table["total_upper"] < 0)
    assert (table.loc[~sure, "explained_by"] == "").all()
    size = cr.get.programs_df(cells, columns="all")["n_present"][table.index]
    assert (table["total_breadth"] >= 1 - 1e-6).all() and (table["total_breadth"] <= size + 1e-6).all()


def test_free_programs_can_explain(quick, adata):
    """Their part is known from the totals."""
    model = quick(adata, n_unannotated=2)
    # as large as other loadings, whatever training left of them
    loadings = np.random.default_rng(0).normal(0, 0.3, (2, adata.n_vars))
    model.module.decoder.unannotated.data = torch.as_tensor(loadings, dtype=torch.float32)
    model.module.decoder.free_support.fill_(True)
    cr.tl.activity(adata, model)
    second = model.free_names[1]
    inside = (adata.obs["cell_type"] == "type 0").to_numpy()
    adata.obsm["X_programs_total"][inside] += 20 * model.get_total_weights()[second].to_numpy()
    rank(adata, model, "cell_type", groups="type 0")
    table = table_of(adata)
    # of those that moved more by it than by themselves
    named = table["explained_by"][(table["total_effect"].abs() > 1) & (table["explained_by"] != "")]
    assert len(named) and named.str.startswith(second).all()


def test_activities_without_totals_are_refused(cells, model, changes):
    del cells.obsm["X_programs_total"]
    since = changes(cells)
    with pytest.raises(KeyError, match="adata has no total activities.*earlier version.*crystallin.tl.activity"):
        rank(cells, model, "cell_type")
    assert not since()
