"""Contrasts of samples under a design."""

import logging

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import crystallin as cr

DESIGN = "~ arm * time"
RESPONSE = {"arm": ("placebo", "drug/new 1"), "time": ("before", "after")}
COUPLED = ("conditional_effect", "conditional_se", "conditional_q")


@pytest.fixture
def study(result):
    """Twelve donors in two arms, each before and after; activities as stored, but for the changes of one program."""
    rng = np.random.default_rng(7)
    donor = rng.permutation(np.arange(result.n_obs) % 12)
    result.obs["donor"] = donor + 100
    result.obs["arm"] = pd.Categorical(
        np.where(donor % 2, "drug/new 1", "placebo"), categories=["placebo", "drug/new 1"]
    )
    result.obs["time"] = pd.Categorical(rng.choice(["before", "after"], result.n_obs), categories=["before", "after"])
    result.obs["hours"] = np.where(result.obs["time"] == "after", 24, 0)
    result.obs["age"] = np.array([31, 45, 52, 28, 60, 39, 44, 71, 35, 50, 48, 66])[donor]
    result.obs["sex"] = np.where(donor % 4 < 2, "f", "m")
    result.obs["quality"] = rng.normal(size=result.n_obs)
    responding = ((donor % 2 == 1) & (result.obs["time"] == "after")).to_numpy()
    # as stored, so that what is found is the change divided by the reliability
    result.obsm["X_programs"] = np.array(result.obsm["X_programs"])
    result.obsm["X_programs"][responding, 2] += 1.0
    return result


def compare(study, model, design, contrast, **options):
    options = {"sample_key": "donor", **options}
    cr.tl.compare(study, model, design, contrast=contrast, **options)
    return study.uns[options.get("key_added") or "compare"]["table"]


def of(table, program="Program/2"):
    return table.set_index("program").loc[program]


# ---------------------------------------------------------------------------------------------------- what is found


def test_whether_the_response_differs(study, model):
    table = compare(study, model, DESIGN, RESPONSE)
    row = of(table)
    assert table["program"].iloc[0] == "Program/2" and row["q"] < 0.001
    assert row["effect"] * row["reliability"] == pytest.approx(1, abs=0.35)
    assert row["call"] == "up" and row["not_called"] == "" and row["conditional_q"] <= 0.05
    assert row["contrast"] == "arm: drug/new 1 - placebo, time: after - before"
    assert (row["n_samples"], row["n_donors"], row["repeated"], row["df_residual"]) == (24, 12, "block", 10)
    assert row["n_cells"] == study.n_obs
    assert row["effect_min"] < row["effect"] < row["effect_max"]
    assert row["lower"] < row["effect_min"] and row["effect_max"] < row["upper"]
    assert row["most_influential"] in set(study.obs["donor"].astype(str))
    params = study.uns["compare"]["params"]
    assert params["compared"] == ["arm", "time"] and params["dividing"] == ["time"]
    assert params["coefficients"][0] == "Intercept"


def test_difference_of_differences_is_that_of_the_donors(study, model):
    """Each donor's change, compared between arms: the same estimate as from a table of donors, equally weighted."""
    means = cr.get.pseudobulk(study, "donor", groupby="time")
    frame = means.to_df().assign(donor=means.obs["donor"].to_numpy(), time=means.obs["time"].to_numpy())
    wide = frame.pivot(index="donor", columns="time", values="Program/2")
    change = wide["after"] - wide["before"]
    is_drug = study.obs.drop_duplicates("donor").set_index(study.obs.drop_duplicates("donor")["donor"].astype(str))[
        "arm"
    ]
    is_drug = (is_drug == "drug/new 1").loc[change.index.astype(str)].to_numpy()
    row = of(compare(study, model, DESIGN, RESPONSE))
    expected = change[is_drug].mean() - change[~is_drug].mean()
    # samples of unequal size have unequal weights
    assert row["effect"] == pytest.approx(expected, abs=0.5 * row["se"])


def test_two_groups_as_by_the_ranking(study, model):
    for options, design, contrast in (
        ({"groupby": "time", "groups": "after", "reference": "before"}, "~ time", {"time": ("before", "after")}),
        ({"groupby": "sex", "groups": "m", "reference": "f"}, "~ sex", {"sex": ("f", "m")}),
        (
            {"groupby": "sex", "groups": "m", "reference": "f", "covariates": ["age"]},
            "~ sex + age",
            {"sex": ("f", "m")},
        ),
    ):
        cr.tl.rank_programs_groups(study, model, sample_key="donor", within="cell_type", **options)
        one = study.uns["rank_programs_groups"]["table"].set_index(["stratum", "program"])
        other = compare(study, model, design, contrast, within="cell_type").set_index(["stratum", "program"])
        assert list(one.index) == list(other.index)
        shared = [
            name
            for name in one
            if name in other and one[name].dtype.kind in "fi" and name not in ("breadth", "total_breadth")
        ]
        assert {"effect", "se", "df", "p", "q", "q_all", "conditional_q", "total_q", "effect_min"} <= set(shared)
        for name in shared:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-7, atol=1e-9, err_msg=name)


def test_change_in_one_arm_and_its_name(study, model):
    asked = [
        {"time": ("before", "after"), "arm": "drug/new 1"},
        {"time": ("before", "after")},
        RESPONSE,
        "arm[T.drug/new 1]:time[T.after]",
    ]
    table = compare(study, model, DESIGN, asked)
    names = table["contrast"].unique().tolist()
    assert names == [
        "time: after - before | arm = drug/new 1",
        # the reference, which is said because it matters
        "time: after - before | arm = placebo",
        "arm: drug/new 1 - placebo, time: after - before",
        "arm[T.drug/new 1]:time[T.after]",
    ]
    effect = table.pivot(index="program", columns="contrast", values="effect")
    np.testing.assert_allclose(effect[names[0]] - effect[names[1]], effect[names[2]], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(effect[names[2]], effect[names[3]], rtol=1e-6, atol=1e-9)
    tested = table["p"].notna()
    assert (table.loc[tested, "q_all"] != table.loc[tested, "q"]).any()


def test_a_factor_that_does_not_interact_is_not_named(study, model):
    table = compare(study, model, "~ time + sex", {"time": ("before", "after")})
    assert table["contrast"].iloc[0] == "time: after - before"


def test_slope_of_a_number(study, model):
    """Twelve donors, one mean each: a slope by least squares, where all donors are about equally certain."""
    table = compare(study, model, "~ age", "age")
    ten = compare(study, model, "~ age", {"age": (30, 40)})
    np.testing.assert_allclose(10 * table["effect"], ten["effect"], rtol=1e-6)
    np.testing.assert_allclose(table["p"], ten["p"], rtol=1e-6)
    means = cr.get.pseudobulk(study, "donor")
    frame = means.to_df().set_axis([f"p{i}" for i in range(means.n_vars)], axis=1)
    frame["age"] = [
        int(study.obs.loc[study.obs["donor"].astype(str) == name, "age"].iloc[0])
        for name in means.obs["donor"].astype(str)
    ]
    position = list(means.var_names).index("Program/2")
    fit = smf.ols(f"p{position} ~ age", frame).fit()
    assert of(table)["effect"] == pytest.approx(fit.params["age"], abs=0.3 * fit.bse["age"])
    assert of(table)["df_residual"] == 10


def test_whole_numbers_are_numbers_and_it_is_said(study, model, caplog):
    with caplog.at_level(logging.INFO, logger="crystallin"):
        table = compare(study, model, "~ arm * hours", {"arm": ("placebo", "drug/new 1"), "hours": (0, 24)})
    assert "'hours' enters the model as a number (2 values); C(hours) makes it a factor" in caplog.text
    # a factor has its own variance between cells, so weights differ a little
    factor = compare(study, model, DESIGN, RESPONSE, key_added="factor").set_index("program")
    difference = table.set_index("program")["effect"] - factor["effect"]
    assert (difference.abs() < 0.1 * factor["se"].reindex(difference.index)).all()
    assert table["contrast"].iloc[0] == "arm: drug/new 1 - placebo, hours: 24 - 0"


def test_between_donors_with_repeated_samples(study, model):
    table = compare(study, model, DESIGN, {"arm": ("placebo", "drug/new 1")})
    assert (table["repeated"] == "random").all() and (table["n_samples"] == 24).all()
    assert 8 < table["df_residual"].iloc[0] <= 20
    # the same donors as blocks say nothing of differences between them
    with pytest.raises(ValueError, match="cannot be estimated within donors, because no donor has all levels"):
        compare(study, model, DESIGN, {"arm": ("placebo", "drug/new 1")}, repeated="block")
    within = compare(study, model, DESIGN, RESPONSE, repeated="random", key_added="random")
    block = compare(study, model, DESIGN, RESPONSE, key_added="block")
    merged = within.merge(block, on="program", suffixes=("", "_block"))
    assert np.corrcoef(merged["effect"], merged["effect_block"])[0, 1] > 0.98


@pytest.mark.parametrize("dtype", [str, int])
def test_the_formula_can_have_the_donors(study, model, dtype):
    """Donors are labels, also if they are numbers."""
    study.obs["donor"] = study.obs["donor"].astype(dtype)
    table = compare(study, model, "~ donor + time", {"time": ("before", "after")})
    block = compare(study, model, "~ time", {"time": ("before", "after")}, key_added="block")
    np.testing.assert_allclose(table["effect"], block["effect"], rtol=1e-6)
    np.testing.assert_allclose(table["p"], block["p"], rtol=1e-5)
    assert (table["repeated"] == "").all()


def test_covariates_of_cells(study, model):
    """A measure of quality that goes with time is adjusted for by its slope within samples."""
    after = (study.obs["time"] == "after").to_numpy()
    study.obs["quality"] += after
    study.obsm["X_programs"][:, 4] += 0.8 * study.obs["quality"].to_numpy()
    plain = of(compare(study, model, "~ time", {"time": ("before", "after")}), "Program/4")
    adjusted = of(compare(study, model, "~ time", {"time": ("before", "after")}, covariates=["quality"]), "Program/4")
    expected = 0.8 * (study.obs["quality"][after].mean() - study.obs["quality"][~after].mean())
    assert (plain["effect"] - adjusted["effect"]) * plain["reliability"] == pytest.approx(expected, abs=0.1)


def test_one_loud_donor_is_seen(study, model):
    loud = ((study.obs["donor"] == 103) & (study.obs["time"] == "after")).to_numpy()
    study.obsm["X_programs"][loud, 5] += 6
    row = of(compare(study, model, "~ time", {"time": ("before", "after")}), "Program/5")
    assert row["most_influential"] == "103"
    assert row["effect_max"] - row["effect_min"] > 0.4 * row["effect"]


def test_strata_without_the_contrast_are_left_out(study, model, caplog):
    there = (study.obs["cell_type"] != "type 1") | (study.obs["arm"] == "placebo")
    part = study[there.to_numpy()].copy()
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        table = compare(part, model, DESIGN, RESPONSE, within="cell_type")
    assert set(table["stratum"]) == {"type 0", "type 2"}
    left_out = list(part.uns["compare"]["params"]["left_out"])
    assert len(left_out) == 1 and "cell_type='type 1': all samples have arm = placebo" in left_out[0]
    assert "all samples have arm = placebo" in caplog.text


def test_missing_values_are_left_out_and_counted(study, model, caplog):
    study.obs["score"] = study.obs["age"].astype(float).where(study.obs["donor"] != 105)
    n_missing = int(study.obs["score"].isna().sum())
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        table = compare(study, model, "~ score", "score")
    assert f"Left out {n_missing} cells with missing values of 'score'" in caplog.text and "105" in caplog.text
    assert (table["n_donors"] == 11).all() and (table["n_cells"] == study.n_obs - n_missing).all()


def test_donors_with_one_sample_are_left_out_of_blocks(study, model, caplog):
    there = (study.obs["donor"] != 100) | (study.obs["time"] == "before")
    part = study[there.to_numpy()].copy()
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        table = compare(part, model, DESIGN, RESPONSE)
    assert (table["n_donors"] == 11).all()
    assert "left out samples 100, which are alone, without another sample of the donor" in caplog.text


def test_a_single_donor_on_one_side_is_no_comparison(study, model, caplog):
    alone = (study.obs["arm"] == "drug/new 1") & (study.obs["donor"] != 101) & (study.obs["cell_type"] == "type 1")
    part = study[~alone.to_numpy()].copy()
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        table = compare(part, model, "~ arm", {"arm": ("placebo", "drug/new 1")}, within="cell_type")
    assert set(table["stratum"]) == {"type 0", "type 2"}
    assert "cell_type='type 1': one side of the contrast has samples of a single donor, '101'" in caplog.text


def test_donors_of_whom_few_have_both_samples(study, model):
    """Ten donors before, two of them after as well: a random intercept takes all of them."""
    there = (study.obs["time"] == "before") | study.obs["donor"].isin([101, 102])
    part = study[there.to_numpy()].copy()
    table = compare(part, model, "~ time", {"time": ("before", "after")})
    assert (table["repeated"] == "random").all() and (table["n_donors"] == 12).all()
    assert 0.9 < table["df_residual"].iloc[0] < 4
    # the same with no donor twice, where donors and their samples cannot be told apart
    part.obs["other"] = (
        part.obs["donor"].astype(str).where(part.obs["time"] == "before", "x" + part.obs["donor"].astype(str))
    )
    table = compare(part, model, "~ time", {"time": ("before", "after")}, sample_key="other")
    assert (table["repeated"] == "").all() and (table["df_residual"] == 12).all()


@pytest.mark.parametrize("formula", ["~ {} + sex", "~ arm * {}", "~ arm * time + {}"])
def test_units_and_origin_of_numbers_do_not_matter(study, model, formula):
    """Years around 2020, grams, or shares: the same model as with the age, and the same differences."""
    study.obs["year"], study.obs["grams"] = 2020 - study.obs["age"], 1e5 * study.obs["age"]
    study.obs["share"] = 1e-6 * study.obs["age"]
    contrast = {"time": ("before", "after")} if "time" in formula else "{}"
    tables = {}
    for name in ("age", "year", "grams", "share"):
        asked = name if contrast == "{}" else contrast
        found = compare(study, model, formula.format(name), asked, repeated="random" if "time" in formula else None)
        tables[name] = found.set_index("program").sort_index()
    scale = {"year": -1, "grams": 1e5, "share": 1e-6}
    if contrast != "{}":
        scale = dict.fromkeys(scale, 1)
    for name, factor in scale.items():
        np.testing.assert_allclose(tables[name]["effect"] * factor, tables["age"]["effect"], rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(tables[name]["p"], tables["age"]["p"], rtol=1e-4)
        np.testing.assert_allclose(tables[name]["df_residual"], tables["age"]["df_residual"], rtol=1e-4)


def test_a_column_is_a_factor_only_if_it_is_itself_in_c(study, model):
    """``C(hours)`` says nothing of the column ``hour``, whose name is part of it."""
    study.obs["hour"] = study.obs["age"].astype(float)
    table = compare(study, model, "~ C(hours) + hour", {"hour": (30, 40.5)}, repeated="random")
    assert table["contrast"].iloc[0] == "hour: 40.5 - 30"


def test_a_number_as_a_factor_is_held_at_its_first_level(study, model):
    """Not between two levels, which no sample has."""
    number = compare(study, model, "~ arm * C(hours)", {"arm": ("placebo", "drug/new 1")})
    label = compare(study, model, "~ arm * time", {"arm": ("placebo", "drug/new 1")}, key_added="label")
    assert number["contrast"].iloc[0] == "arm: drug/new 1 - placebo | hours = 0"
    assert label["contrast"].iloc[0] == "arm: drug/new 1 - placebo | time = before"
    one, other = (table.set_index("program")["effect"].sort_index() for table in (number, label))
    # weights differ a little, as variances of cells are pooled over labels
    np.testing.assert_allclose(one, other, atol=0.05)


def test_curves(study, model):
    """A polynomial by powers of a large number is that of orthogonal polynomials."""
    powers = compare(study, model, "~ age + I(age**2)", {"age": (30, 40)})
    orthogonal = compare(study, model, "~ poly(age, 2)", {"age": (30, 40)}).set_index("program").loc[powers["program"]]
    np.testing.assert_allclose(powers["effect"], orthogonal["effect"], rtol=1e-4)
    assert (powers["df_residual"] == 9).all()


def test_a_number_that_interacts_is_held_at_its_mean_and_named(study, model):
    table = compare(study, model, "~ arm * age", {"arm": ("placebo", "drug/new 1")})
    mean = study.obs.groupby("donor")["age"].first().mean()
    assert table["contrast"].iloc[0] == f"arm: drug/new 1 - placebo | age = {mean:.4g}"


def test_days_that_differ_between_donors(study, model):
    """More than twenty different days, but few of each donor: time points, and not a measure of cells."""
    study.obs["day"] = (study.obs["donor"] - 100) * 3 + 100 * (study.obs["time"] == "after")
    assert study.obs["day"].nunique() > 20
    table = compare(study, model, "~ day", "day")
    assert (table["n_samples"] == 24).all() and (table["repeated"] == "block").all()


def test_detectable(study, model):
    """Not of programs that are not tested; of called ones at the level by which they are called."""
    study.obsm["programs_sd"] = np.array(study.obsm["programs_sd"])
    study.obsm["programs_sd"][:, 0] = 0.99
    table = compare(study, model, DESIGN, RESPONSE)
    tested = table["p"].notna()
    assert tested.sum() == len(table) - 1
    assert table.loc[~tested, "detectable"].isna().all() and (table.loc[tested, "detectable"] > 0).all()
    share = (table.loc[tested, "detectable"] / table.loc[tested, "se"]).round(6)
    called = table.loc[tested, "q"] <= 0.05
    assert called.any() and share[called].nunique() == share[~called].nunique() == 1
    assert share[called].iloc[0] > share[~called].iloc[0]


# ------------------------------------------------------------------------------------------------------- bad input

BETWEEN = {"arm": ("placebo", "drug/new 1")}


@pytest.mark.parametrize(
    ("design", "contrast", "error", "message"),
    [
        (3, BETWEEN, TypeError, "design=3 must be a formula"),
        ("~ arm +", BETWEEN, ValueError, "is no formula"),
        (
            "age ~ arm",
            BETWEEN,
            ValueError,
            "has a left-hand side or several parts, but activities are what is modelled",
        ),
        ("~ 1", BETWEEN, ValueError, "names no column"),
        ("~ arm + nope", BETWEEN, KeyError, "names 'nope', which is not a column"),
        ("~ arm + same", BETWEEN, ValueError, r"'same' \(x\) has the same value in all samples"),
        ("~ arm + quality", BETWEEN, ValueError, r"differs between cells of the same sample.*covariates=\['quality'\]"),
        ("~ arm + twin", BETWEEN, ValueError, "the contrast is confounded with 'twin'"),
        ("~ log(age - 100) + arm", BETWEEN, ValueError, "not finite|cannot be computed"),
        ("~ gone + arm", BETWEEN, ValueError, r"All cells lack a value of some column of the design: 'gone'"),
        (
            "~ donor_label",
            {"donor_label": ("d100", "d101")},
            ValueError,
            "samples of a single donor, '100'",
        ),
        ("~ arm + time", RESPONSE, ValueError, r"no interaction of 'arm' and 'time'. Write arm \* time"),
        (
            "~ arm",
            {"arm": ("placebo", "vaccine")},
            ValueError,
            "'vaccine' is no level of 'arm'. Its levels are 'placebo'",
        ),
        ("~ arm", {"arm": ("placebo", "placebo")}, ValueError, "compares 'placebo' with itself"),
        ("~ arm", {"arm": ("placebo",)}, ValueError, "needs two levels, from and to, not 1"),
        ("~ arm", {"arm": "placebo"}, ValueError, "holds levels but compares none"),
        ("~ arm", {"sex": ("f", "m")}, ValueError, "names 'sex', but the design's columns are 'arm'"),
        ("~ arm", {}, ValueError, "names no column"),
        ("~ arm", [], ValueError, "is empty"),
        ("~ arm", [BETWEEN, BETWEEN], ValueError, "twice"),
        ("~ arm", "arm[drug]", ValueError, "neither a coefficient of the design nor a sum.*'Intercept'"),
        ("~ arm", 5, TypeError, "must be the name of a coefficient, or a dictionary"),
        ("~ arm | time", BETWEEN, ValueError, "has a left-hand side or several parts"),
        ("~ arm + (", BETWEEN, ValueError, "is no formula"),
        ("~ arm", "", ValueError, "contrast is empty text"),
        ("~ C(hours)", {"hours": (0, 12)}, ValueError, r"12 is no level of C\(hours\). Its levels are '0', '24'"),
        ("~ arm + C(hours)", {**BETWEEN, "hours": 3}, ValueError, r"3 is no level of C\(hours\)"),
        ("~ age", {"age": ("young", "old")}, ValueError, "'age' is a column of numbers, so its levels must be numbers"),
    ],
)
def test_bad_input(study, model, design, contrast, error, message):
    study.obs["same"], study.obs["gone"] = "x", np.nan
    study.obs["twin"] = study.obs["arm"].astype(str) + "!"
    study.obs["donor_label"] = "d" + study.obs["donor"].astype(str)
    with pytest.raises(error, match=message):
        compare(study, model, design, contrast)
    assert "compare" not in study.uns


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeated": "mixed"}, "repeated='mixed'"),
        ({"delta": -1}, "delta=-1"),
        ({"within": "nope"}, "within='nope'"),
        ({"sample_key": "nope"}, "sample_key='nope'"),
        ({"covariates": ["nope"]}, "nope"),
        ({"within": "arm"}, "all samples have arm = "),
    ],
)
def test_bad_options(study, model, options, message):
    with pytest.raises((ValueError, KeyError), match=message):
        compare(study, model, "~ arm", BETWEEN, **options)


def test_copy_and_files(study, model, tmp_path, changes):
    changed = changes(study)
    other = cr.tl.compare(study, model, DESIGN, contrast=RESPONSE, sample_key="donor", within="cell_type", copy=True)
    assert not changed()
    other.write_h5ad(tmp_path / "study.h5ad")
    import anndata as ad

    read = ad.read_h5ad(tmp_path / "study.h5ad")
    pd.testing.assert_frame_equal(
        cr.get.compare_df(read, columns="all").reset_index(drop=True),
        cr.get.compare_df(other, columns="all").reset_index(drop=True),
        check_dtype=False,
    )
