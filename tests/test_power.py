"""Power of planned studies: against simulations, closed forms, and the engine that tests differences."""

import logging

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import stats as ss

import crystallin as cr
from crystallin import stats
from crystallin._power._pilot import plain
from crystallin._power._study import TYPICAL, level_of

SDS = {"sample_sd": 0.3, "cell_sd": 1.0}
N_SIMULATED = 6_000


def pilot(tool="compare", *, params=None, **columns) -> AnnData:
    """Two strata of three programs, the last one not tested; four donors in each of two groups."""
    of_tool = {
        "compare": {
            "contrast": "condition: stim - ctrl",
            "n_cells": 320,
            "n_samples": 8,
            "n_donors": 8,
            "repeated": "",
        },
        "rank_programs_groups": {
            "group": "stim",
            "reference": "ctrl",
            "n_group": 160,
            "n_reference": 160,
            "n_samples_group": 4,
            "n_samples_reference": 4,
            "n_donors": 8,
        },
    }
    parts = []
    for stratum in ("B", "T"):
        part = pd.DataFrame(
            {
                "stratum": stratum,
                **of_tool[tool],
                "program": ["quiet", "noisy", "asleep"],
                "effect": 0.1,
                "se": 0.1,
                "q": [0.5, 0.6, np.nan],
                "df": 9.0,
                "df_residual": 6.0,
                "design_variance": 0.5,
                "sample_sd": [0.2, 0.6, 0.1],
                "cell_sd": [1.0, 1.0, 3.0],
                "total_effect": 0.1,
                "total_se": 0.1,
                "total_q": 0.5,
                "total_sample_sd": 0.5,
                "total_cell_sd": 2.0,
            }
        )
        parts.append(part.assign(**columns))
    result = {"params": {"tool": tool, "sample_key": "donor"} | (params or {}), "table": pd.concat(parts)}
    return AnnData(np.zeros((2, 2)), uns={tool: result})


def simulated_p(design: str, n: int, n_cells: int, effect: float, rng) -> np.ndarray:
    """The p values of scipy's t tests of simulated studies."""
    donors = rng.normal(0, 1, (N_SIMULATED, n, 1))
    means = donors + rng.normal(0, np.sqrt(SDS["sample_sd"] ** 2 + SDS["cell_sd"] ** 2 / n_cells), (N_SIMULATED, n, 2))
    if design == "unpaired":
        # no other variance between donors
        means = (means - donors)[..., 0]
        return ss.ttest_ind(means[:, : n // 2] + effect, means[:, n // 2 :], axis=1).pvalue
    differences = means[..., 1] - means[..., 0]
    if design == "paired":
        return ss.ttest_1samp(differences + effect, 0, axis=1).pvalue
    return ss.ttest_ind(differences[:, : n // 2] + effect, differences[:, n // 2 :], axis=1).pvalue


@pytest.mark.parametrize("design", ["unpaired", "paired", "interaction"])
@pytest.mark.parametrize(("n", "n_cells", "effect"), [(6, 20, 0.9), (16, 10, 0.5), (16, 80, 0.5)])
def test_power_is_that_of_simulated_studies(design, n, n_cells, effect):
    options = {"design": design, "effect": effect, "n_donors": n, "n_cells": n_cells}
    # one program: no others are called with it, so the level of p is that of q
    (row,) = cr.power(**options, **SDS, n_programs=1, level=0.04).to_dict("records")
    assert row["p_level"] == pytest.approx(0.04)
    found = simulated_p(design, n, n_cells, effect, np.random.default_rng(0)) <= 0.04
    assert row["power"] == pytest.approx(found.mean(), abs=0.02)


@pytest.mark.parametrize("design", ["unpaired", "paired", "interaction"])
def test_plain_designs_are_those_of_the_engine(design):
    n = 12
    donor, side = np.repeat(np.arange(n), 2), np.tile([0.0, 1.0], n)
    arm = (donor % 2).astype(float)
    if design == "unpaired":
        matrix, contrast = np.column_stack([arm[::2], np.ones(n)]), np.array([1.0, 0])
    else:
        blocks = (donor[:, None] == np.arange(n)).astype(float)
        wanted = side if design == "paired" else arm * side
        others = [side] if design == "interaction" else []
        matrix = np.column_stack([wanted, *others, blocks])
        contrast = np.eye(matrix.shape[1])[0]
    rng = np.random.default_rng(0)
    means = stats.Means(rng.normal(size=(len(matrix), 20)), np.full((len(matrix), 20), 0.1))
    result = stats.compare_samples(means, matrix, contrast, prior_from=np.ones(20, dtype=bool))
    study = plain(design, 0.3, 1.0, 20)
    assert study.variance / n == pytest.approx(result.design_variance)
    assert study.df(n) == result.df_residual
    assert study.samples * n == len(matrix)


def test_the_level_is_what_benjamini_and_hochberg_call():
    rng = np.random.default_rng(0)
    m, n_changed, df, size = 60, 15, 20, 3.4
    t = rng.normal(size=(3_000, m)) / np.sqrt(rng.chisquare(df, (3_000, m)) / df)
    shifted = rng.normal(size, 1, (3_000, n_changed)) / np.sqrt(rng.chisquare(df, (3_000, n_changed)) / df)
    t[:, :n_changed] = shifted
    p = 2 * ss.t.sf(np.abs(t), df)
    q = np.stack([stats.benjamini_hochberg(row) for row in p])
    level = level_of(np.array([size]), df, level=0.05, changed=n_changed / m, n_tested=m)
    realised = (q[:, :n_changed] <= 0.05).mean()
    assert stats.power_of_t(np.array(size), df, level) == pytest.approx(realised, abs=0.03)


def test_the_level_of_many_programs_is_that_of_all():
    effect = np.abs(np.random.default_rng(0).normal(2, 1, 500))
    level = level_of(effect, 12, level=0.05, changed=0.3, n_tested=500)
    others = 0.3 * stats.power_of_t(effect, 12, level).mean() + 0.7 * level
    assert level == pytest.approx(0.05 * (1 + 499 * others) / 500, rel=0.02)
    assert level_of(np.array([50.0]), 12, level=0.05, changed=1.0, n_tested=30) == pytest.approx(0.05)
    assert level_of(np.array([0.0]), 12, level=0.05, changed=0.1, n_tested=30) == pytest.approx(0.05 / 30, rel=0.06)


def test_a_pilot_gives_standard_errors_and_degrees_of_freedom():
    table = cr.power(pilot(), effect=0.3, n_donors=[4, 8, 16], n_cells=[40, 10])
    assert list(table.columns[:3]) == ["stratum", "contrast", "program"]
    assert set(table["program"]) == {TYPICAL, "quiet", "noisy"}
    assert len(table) == 2 * 3 * 3 * 2
    table = table[table["stratum"] == "B"].set_index(["program", "n_donors", "n_cells"])
    assert table.loc[("noisy", 8, 40), "se"] == pytest.approx(np.sqrt(0.5 * (0.36 + 1 / 40)))
    assert table.loc[("quiet", 16, 10), "se"] == pytest.approx(np.sqrt(0.25 * (0.04 + 1 / 10)))
    assert table.loc[(TYPICAL, 8, 40), "se"] == pytest.approx(np.sqrt(0.5 * (0.16 + 1 / 40)))
    # two coefficients; three borrowed degrees of freedom, fewer in smaller studies
    of_size = table.loc["quiet"]["df"].groupby("n_donors").first()
    assert of_size.to_dict() == {4: 2 + 3 * 2 / 6, 8: 6 + 3, 16: 14 + 3}
    one = table.loc[("quiet", 16, 10)]
    at = stats.power_of_t(np.array(one["detectable"] / one["se"]), one["df"], one["p_level"])
    assert at == pytest.approx(0.8, abs=1e-4)
    assert one["power"] == pytest.approx(float(stats.power_of_t(np.array(0.3 / one["se"]), one["df"], one["p_level"])))
    assert (table["pilot_donors"] == 8).all() and (table["pilot_cells"] == 40).all()


def test_both_tools_and_readings():
    options = {"effect": 0.3, "n_donors": [6, 12]}
    compared, ranked = cr.power(pilot(), **options), cr.power(pilot("rank_programs_groups"), **options)
    numbers = ["n_donors", "n_cells", "se", "df", "p_level", "power", "detectable"]
    pd.testing.assert_frame_equal(compared[numbers], ranked[numbers])
    assert list(ranked.columns[:4]) == ["stratum", "group", "reference", "program"]
    assert (ranked["n_cells"] == 40).all()
    total = cr.power(pilot(), kind="total", **options)
    assert set(total["program"]) == {TYPICAL, "quiet", "noisy", "asleep"}
    assert total["se"].iloc[0] == pytest.approx(np.sqrt(0.5 * 8 / 6 * (0.25 + 4 / 40)))
    one = cr.power(pilot("rank_programs_groups"), group="stim", stratum="T", **options)
    assert set(one["stratum"]) == {"T"}


@pytest.mark.parametrize(
    ("columns", "df"),
    [
        # three samples of each donor, donors as blocks: 24 means, 8 donors, 2 other coefficients
        ({"n_samples": 24, "repeated": "block", "df_residual": 14.0}, {4: 6, 8: 14, 16: 30}),
        # the same, written as columns of the formula
        ({"n_samples": 24, "repeated": "", "df_residual": 14.0}, {4: 6, 8: 14, 16: 30}),
        ({"n_samples": 24, "repeated": "random", "df_residual": 5.6}, {4: 2.8, 8: 5.6, 16: 11.2}),
        ({"df_residual": 3.0}, {4: np.nan, 8: 3, 16: 11}),
    ],
)
def test_degrees_of_freedom_grow_with_donors(columns, df):
    adata = pilot(**columns, df=columns["df_residual"])
    table = cr.power(adata, effect=0.3, n_donors=list(df), stratum="B")
    table = table[table["program"] == TYPICAL].set_index("n_donors")
    assert table["df"].to_dict() == pytest.approx(df, nan_ok=True)
    assert table["power"].isna().to_dict() == {n: np.isnan(value) for n, value in df.items()}
    assert table["se"].notna().all()


def test_pairs_of_a_ranking_are_donors():
    columns = {"df_residual": 3.0, "df": 3.0, "design_variance": 0.5, "n_donors": 4}
    for params in ({}, {"paired": True}):
        table = cr.power(pilot("rank_programs_groups", params=params, **columns), effect=0.3, n_donors=[8], n_cells=20)
        assert table["df"].unique().tolist() == [7] and table["n_samples"].unique().tolist() == [16]
        assert table["se"].iloc[1] == pytest.approx(np.sqrt(0.5 * 4 / 8 * (0.04 + 1 / 20)))


def test_groups_with_as_few_degrees_of_freedom_as_pairs_are_no_pairs():
    """Four against four samples, three of whose six degrees of freedom went to covariates."""
    table = cr.power(pilot("rank_programs_groups", df_residual=3.0, df=3.0), effect=0.3, n_donors=[16], n_cells=20)
    assert table["df"].unique().tolist() == [11] and table["n_samples"].unique().tolist() == [16]
    # both sides of four donors, but taken as independent because this was asked for
    independent = {"params": {"paired": False}, "n_donors": 4}
    table = cr.power(pilot("rank_programs_groups", **independent), effect=0.3, n_donors=[16], n_cells=20)
    assert table["df"].unique().tolist() == [14 + 3] and table["n_samples"].unique().tolist() == [16]


def test_power_increases():
    table = cr.power(pilot(), effect=[0.2, 0.5], n_donors=range(4, 41, 6), n_cells=[5, 50], stratum="B")
    for by in ("n_donors", "n_cells", "effect"):
        others = ["program", *({"n_donors", "n_cells", "effect"} - {by})]
        assert (table.sort_values(by).groupby(others)["power"].diff().dropna() >= -1e-9).all()
    more = cr.power(pilot(), effect=0.5, n_donors=8, changed=0.9)
    assert (more["p_level"] > cr.power(pilot(), effect=0.5, n_donors=8, changed=0.1)["p_level"]).all()


def test_costs():
    options = {"effect": 0.5, "n_donors": [4, 8], "n_cells": 50, "design": "paired", **SDS}
    table = cr.power(**options, cost_donor=300, cost_cell=0.5)
    assert table["cost"].tolist() == [4 * 300 + 8 * 25, 8 * 300 + 16 * 25]
    assert cr.power(**options, cost_cell=2)["cost"].tolist() == [800, 1600]
    assert "cost" not in cr.power(**options)


def test_a_pilot_that_shows_no_variance_between_samples_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        cr.power(pilot(sample_sd=0.0), effect=0.5, n_donors=8, stratum="T")
    assert "T, condition: stim - ctrl: samples differ no more than by the choice of cells" in caplog.text


def test_the_result_of_a_real_comparison(result, model):
    result.obs["donor"] = [f"d{i % 6}" for i in range(result.n_obs)]
    result.obs["sex"] = np.where([i % 2 for i in range(result.n_obs)], "f", "m")
    cr.tl.compare(result, model, "~ sex", contrast={"sex": ("m", "f")}, sample_key="donor")
    there = cr.get.compare_df(result, columns="all")
    table = cr.power(result, effect=0.3, n_donors=6)
    assert (table["df"] == there["df"].iloc[0]).all()
    both = table.merge(there[there["q"].notna()], on="program", suffixes=("", "_there"))
    # of programs in which samples differ more than by the choice of cells
    both = both[both["sample_sd"] > 0]
    ratio = both["se"] / both["se_there"]
    assert ratio.between(0.9, 1.1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effect": 0}, "effect=0 must be a number above 0"),
        ({"effect": [0.2, -0.1]}, "effect=-0.1 must be a number above 0"),
        ({"effect": []}, "effect is empty"),
        ({"effect": None}, "effect=None must be a number or a list"),
        ({"n_donors": [1, 4]}, "n_donors=1 must be a whole number of at least 2"),
        ({"n_donors": 4.5}, "n_donors=4.5 must be a whole number"),
        ({"n_cells": 0}, "n_cells=0 must be a number above 0"),
        ({"n_cells": None}, "Without a pilot, n_cells must be given"),
        ({"sample_sd": None, "cell_sd": None}, "Without a pilot, sample_sd and cell_sd must be given"),
        ({"sample_sd": -1}, "sample_sd=-1 must be a number of at least 0"),
        ({"sample_sd": 0, "cell_sd": 0}, "both 0"),
        ({"design": "crossed"}, "design='crossed' is not one of"),
        ({"kind": "all"}, "kind='all' is not one of"),
        ({"level": 1}, "level=1 must be"),
        ({"changed": 0}, "changed=0 must be"),
        ({"cost_cell": -1}, "cost_cell=-1 must be"),
        ({"n_programs": 0}, "n_programs=0 must be"),
        ({"group": "stim"}, "group='stim': group choose among the comparisons of a pilot"),
    ],
)
def test_errors_without_a_pilot(options, message):
    with pytest.raises(ValueError, match=message):
        cr.power(**{"effect": 0.3, "n_donors": 8, "n_cells": 20, **SDS} | options)


@pytest.mark.parametrize(
    ("adata", "options", "error", "message"),
    [
        (3, {}, TypeError, "pilot is a int; give an AnnData"),
        (AnnData(np.zeros((2, 2))), {}, KeyError, "no contrasts of samples under 'compare'"),
        (pilot(params={"sample_key": ""}), {}, ValueError, "compare cells and not samples"),
        (pilot(q=np.nan), {}, ValueError, "no program that was tested"),
        (pilot(), {"stratum": "C"}, ValueError, "stratum"),
        (pilot(), {"sample_sd": 0.3}, ValueError, "Leave out the pilot, or sample_sd"),
        (pilot(), {"group": "a", "contrast": "b"}, ValueError, "Give one of them"),
        (pilot("rank_programs_groups"), {"contrast": "x", "key": "rank_programs_groups"}, ValueError, "Use group="),
    ],
)
def test_errors_of_pilots(adata, options, error, message):
    with pytest.raises(error, match=message):
        cr.power(adata, effect=0.3, n_donors=8, **options)


def test_results_of_earlier_versions():
    adata = pilot()
    adata.uns["compare"]["table"] = adata.uns["compare"]["table"].drop(columns=["sample_sd", "df_residual"])
    with pytest.raises(
        ValueError, match="lack the column.*'sample_sd', 'df_residual'.*Call crystallin.tl.compare again"
    ):
        cr.power(adata, effect=0.3, n_donors=8)
