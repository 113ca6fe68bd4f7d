import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

import crystallin as cr

NAME = "Program/1"


@pytest.fixture
def cells(result):
    """Eight donors in two arms, each before and after."""
    rng = np.random.default_rng(5)
    donor = rng.integers(0, 8, result.n_obs)
    result.obs["donor"] = pd.Categorical([f"d{i}" for i in donor])
    result.obs["arm"] = np.where(donor < 4, "drug", "placebo")
    result.obs["years"] = donor * 3.5 + 20
    result.obs["visit"] = pd.Categorical(rng.choice(["before", "after"], result.n_obs), ["before", "after"])
    result.obs["dose"] = rng.choice([0.5, 2.5], result.n_obs)
    return result


def compared_by(cells, contrast, compared, **columns):
    """Write a result of tl.compare of these columns, within cell types."""
    programs, strata = [f"Program/{i}" for i in range(8)], ["type 0", "type 1"]
    frame = pd.DataFrame(
        [{"stratum": stratum, "contrast": contrast, "program": name} for stratum in strata for name in programs]
    )
    values = {
        "effect": 0.5,
        "lower": 0.21,
        "upper": 0.79,
        "effect_sd": 0.4,
        "q": 0.012,
        "decoy_q": 0.02,
        "conditional_q": 0.02,
        "effect_min": 0.4,
        "effect_max": 0.6,
        "most_influential": "d3",
        "detectable": 0.3,
        "breadth": 5.0,
        "lead": True,
    } | columns
    table = frame.assign(**values)
    for name in set(values) - {"conditional_q", "lead"}:
        table[f"total_{name}"] = table[name]
    table["total_se"] = 0.1
    params = {"tool": "compare", "key": "programs", "sample_key": "donor", "within": "cell_type"}
    columns = {"contrasts": [contrast], "compared": np.array(compared), "compared_by": [0] * len(compared)}
    cells.uns["compare"] = {"params": params | columns, "table": table}
    return cells


def dots(ax):
    """Places of the dots, those of all colours together."""
    found = [part for part in ax.collections if isinstance(part, PathCollection)]
    # circles around dots are empty inside
    return np.concatenate([part.get_offsets() for part in found if len(part.get_facecolors())])


def means_of(cells, stratum, groupby, **options):
    pb = cr.get.pseudobulk(cells, "donor", groupby=[*groupby, "cell_type"], **options)
    return pb[pb.obs["cell_type"] == stratum].copy()


def test_samples_of_each_stratum(cells):
    cells = compared_by(cells, "visit: after - before", ["visit"])
    axes = cr.pl.compare(cells, NAME)
    assert [ax.get_title() for ax in axes] == ["Program/1\ntype 0", "Program/1\ntype 1"]
    for ax, stratum in zip(axes, ("type 0", "type 1"), strict=True):
        pb = means_of(cells, stratum, ["visit"])
        np.testing.assert_allclose(np.sort(dots(ax)[:, 1]), np.sort(pb[:, NAME].X.ravel()))
        assert [label.get_text() for label in ax.get_xticklabels()] == ["before", "after"]
        assert ax.get_xlabel() == "visit: after - before\ndifference 0.50 [0.21, 0.79]\nq = 0.01, called"
        # a line for each donor
        lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_color() == "0.75"]
        assert len(lines) == 8
        assert not ax.texts and ax.get_legend() is None
    assert axes[0].get_ylabel() == "mean activity of each donor (prior sd)"
    (legend,) = axes[0].figure.legends
    words = ["donor, with the standard error from its cells", "the same donor", "mean of the dots"]
    assert [text.get_text() for text in legend.get_texts()] == words


def test_dots_are_in_their_level(cells):
    cells = compared_by(cells, "visit: after - before", ["visit"])
    ax = cr.pl.compare(cells, NAME, stratum="type 0")
    pb = means_of(cells, "type 0", ["visit"])
    level = {round(float(y), 6): round(float(x)) for x, y in dots(ax)}
    for mean, visit in zip(pb[:, NAME].X.ravel(), pb.obs["visit"], strict=True):
        assert level[round(float(mean), 6)] == ["before", "after"].index(visit)


def test_totals(cells):
    cells = compared_by(cells, "visit: after - before", ["visit"])
    ax = cr.pl.compare(cells, NAME, stratum="type 0", kind="total")
    pb = means_of(cells, "type 0", ["visit"], kind="total")
    np.testing.assert_allclose(np.sort(dots(ax)[:, 1]), np.sort(pb[:, NAME].X.ravel()))
    assert ax.get_title() == "Program/1 (total)\ntype 0" and "total activity" in ax.get_ylabel()


def test_small_effects_have_more_digits(cells):
    cells = compared_by(cells, "years", ["years"], effect=-0.0004, lower=-0.013, upper=0.0122)
    ax = cr.pl.compare(cells, NAME, stratum="type 0")
    assert ax.get_xlabel() == "years\ndifference 0.000 [−0.013, 0.012]\nq = 0.01, called"


def test_a_second_column_has_colours(cells):
    cells = compared_by(cells, "arm: drug - placebo, visit: after - before", ["arm", "visit"])
    ax = cr.pl.compare(cells, NAME, stratum="type 1")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["drug", "placebo"]
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "visit"
    assert [text.get_text() for text in legend.get_texts()] == ["before", "after"]
    assert len(dots(ax)) == len(means_of(cells, "type 1", ["arm", "visit"]))


@pytest.mark.parametrize(("compared", "n_units"), [(["years"], 8), (["visit", "dose"], 32)])
def test_numbers_are_the_axis(cells, compared, n_units):
    cells = compared_by(cells, compared[-1], compared)
    ax = cr.pl.compare(cells, NAME, stratum="type 0")
    assert set(dots(ax)[:, 0]) == set(cells.obs[compared[-1]])
    assert ax.get_xlabel().splitlines()[0] == compared[-1] and len(ax.get_xlabel().splitlines()) == 3
    assert len(dots(ax)) <= n_units


@pytest.mark.parametrize(
    ("effect", "ends", "is_named"),
    [(0.5, (0.3, 0.6), False), (0.5, (0.2, 0.6), True), (-0.5, (-0.6, 0.1), True), (-0.5, (-0.6, -0.4), False)],
)
def test_the_most_influential_donor_is_named(cells, effect, ends, is_named):
    values = {"effect": effect, "effect_min": ends[0], "effect_max": ends[1]}
    cells = compared_by(cells, "visit: after - before", ["visit"], **values)
    ax = cr.pl.compare(cells, NAME, stratum="type 0")
    assert [text.get_text() for text in ax.texts] == ["d3"] * is_named


def test_cells_that_lack_a_value_are_left_out(cells):
    cells = compared_by(cells, "visit: after - before", ["visit"])
    cells.obs.loc[cells.obs["donor"] == "d0", "visit"] = np.nan
    ax = cr.pl.compare(cells, NAME, stratum="type 0")
    assert len(dots(ax)) == len(means_of(cells[cells.obs["donor"] != "d0"], "type 0", ["visit"]))


def test_groups_with_samples(cells, model):
    cr.tl.rank_programs_groups(cells, model, "visit", groups="after", reference="before", sample_key="donor")
    ax = cr.pl.compare(cells, NAME, group="after")
    row = cr.get.rank_programs_groups_df(cells, columns="all").set_index("program").loc[NAME]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["before", "after"]
    assert len(dots(ax)) == 16 and f"{abs(row['effect']):.2f}" in ax.get_xlabel()
    # the other types are the reference
    cr.tl.rank_programs_groups(cells, model, "cell_type", sample_key="donor")
    ax = cr.pl.compare(cells, NAME, group="type 1", key="rank_programs_groups")
    assert len(ax.get_xticklabels()) == 3
    with pytest.raises(
        ValueError, match="one comparison, but there are 3: type 0 against rest.*Choose one with group="
    ):
        cr.pl.compare(cells, NAME, key="rank_programs_groups")
    cr.tl.rank_programs_groups(cells, model, "cell_type")
    with pytest.raises(ValueError, match="compare cells and not samples.*with sample_key="):
        cr.pl.compare(cells, NAME, group="type 1")


def test_bad_input(cells):
    cells = compared_by(cells, "visit: after - before", ["visit"])
    with pytest.raises(ValueError, match="ax has room for one panel, but there are 2"):
        cr.pl.compare(cells, NAME, ax=cr.pl.compare(cells, NAME)[0])
    with pytest.raises(KeyError, match="'Programme/1' is not one of the 8 programs. Did you mean 'Program/1'"):
        cr.pl.compare(cells, "Programme/1")
    with pytest.raises(ValueError, match="stratum='type 9' is not one of"):
        cr.pl.compare(cells, NAME, stratum="type 9")
    with pytest.raises(ValueError, match="programs is empty"):
        cr.pl.compare(cells, [])
    table = cells.uns["compare"]["table"]
    cells.uns["compare"]["table"] = pd.concat([table, table.assign(contrast="other")], ignore_index=True)
    names = {"contrasts": ["visit: after - before", "other"], "compared": ["visit"] * 2, "compared_by": [0, 1]}
    cells.uns["compare"]["params"] |= names
    with pytest.raises(ValueError, match="visit: after - before; other. Choose one with contrast="):
        cr.pl.compare(cells, NAME)
    assert len(cr.pl.compare(cells, [NAME, "Program/2"], contrast="other")) == 4
    del cells.obs["visit"]
    with pytest.raises(KeyError, match="'visit' is not a column of adata.obs"):
        cr.pl.compare(cells, NAME, contrast="other")


def test_each_contrast_has_its_own_axis_and_all_samples(cells, _trained):
    """Of several contrasts, that of the arm is drawn by arm, with both samples of each donor."""
    asked = [{"years": (30, 40)}, {"arm": ("placebo", "drug")}, {"visit": ("before", "after")}]
    cr.tl.compare(cells, _trained[1], "~ years + arm + visit", contrast=asked, sample_key="donor")
    table = cr.get.compare_df(cells, columns="all")
    assert table["contrast"].nunique() == 3
    for contrast, levels in (
        ("arm: drug - placebo", ["drug", "placebo"]),
        ("visit: after - before", ["before", "after"]),
    ):
        ax = cr.pl.compare(cells, "Program/1", contrast=contrast)
        assert [label.get_text() for label in ax.get_xticklabels()] == levels
        assert len(dots(ax)) == table.loc[table["contrast"] == contrast, "n_samples"].iloc[0] == 16
    ax = cr.pl.compare(cells, "Program/1", contrast="years: 40 - 30")
    assert "years" in ax.get_xlabel() and len(dots(ax)) == 16
