"""One program on one page."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy import stats

import crystallin as cr
from crystallin.pl._facts import _surest
from crystallin.pl._style import MUTED

PROGRAM = "Program/2"


def words(labels):
    return [label.get_text() for label in labels]


def facts(ax):
    """Names and texts, by name; what has no name belongs to the one before."""
    texts = words(ax.texts)
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_bare_page(result):
    axes = cr.pl.program(result, PROGRAM, "cell_type", n_genes=6)
    assert len(axes) == 4 and len(plt.gcf().axes) == 4
    active, loadings, attributions, text = axes
    assert active.get_title(loc="left") == PROGRAM

    activity = cr.get.activity_df(result)[PROGRAM].groupby(result.obs["cell_type"], observed=True)
    mean = activity.mean().sort_values(ascending=False)
    assert words(active.get_yticklabels()) == list(mean.index) and active.yaxis_inverted()
    spread, interval, dots = active.collections
    np.testing.assert_allclose(dots.get_offsets()[:, 0], mean, rtol=1e-5)
    sd, n = activity.std()[mean.index], activity.size()[mean.index]
    for lines, half in ((spread, sd), (interval, stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n))):
        ends = np.array([segment[:, 0] for segment in lines.get_segments()])
        np.testing.assert_allclose(ends, np.column_stack([mean - half, mean + half]), rtol=1e-4)

    dot, thick, thin = active.get_legend().get_lines()
    assert thick.get_linewidth() > thin.get_linewidth() and dot.get_marker() == "o"
    explained = words(active.get_legend().get_texts())
    assert explained[1:] == ["95 % interval of the mean (cells)", "one standard deviation between cells"]

    top = cr.get.loadings_df(result, PROGRAM, n_genes=6)
    np.testing.assert_allclose([bar.get_width() for bar in loadings.patches], top["loading"])
    assert words(loadings.get_yticklabels()) == top["gene"].tolist()

    # what is not there, and which call makes it
    assert not attributions.patches and attributions.texts[0].get_color() == MUTED
    said = attributions.texts[0].get_text().replace("\n", " ")
    call = "(adata, model, groupby='cell_type')"
    assert said == f"No attributions by 'cell_type' under 'attributions': crystallin.tl.attributions{call}"
    row = cr.get.programs_df(result, columns="all").loc[PROGRAM]
    assert facts(text) == [
        ("genes", f"{row['n_present']} of {row['n_genes']} are in the data (coverage 1.00)"),
        ("leakage", f"crystallin.tl.leakage{call}"),
        ("importance", f"crystallin.tl.program_importance{call}"),
        ("difference", f"crystallin.tl.rank_programs_groups{call}"),
    ]
    assert [words.get_color() for words in text.texts[1::2]] == ["black", *3 * [MUTED]]


def test_full_page(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions", key_added="a")
    cr.tl.leakage(result, model, groupby="cell_type", key_added="l")
    cr.tl.program_importance(result, model)
    cr.tl.rank_programs_groups(result, model, "cell_type", key_added="r")
    table = result.uns["programs"]["table"]
    missing = [f"lost{i}" for i in range(15)]
    table.loc[table["name"] == PROGRAM, "missing"] = ";".join(missing)
    keys = {"attributions_key": "a", "leakage_key": "l", "ranking_key": "r"}
    active, _, attributions, text = cr.pl.program(result, PROGRAM, "cell_type", n_genes=9, **keys)

    top = active.get_yticklabels()[0].get_text()
    genes = cr.get.attributions_df(result, PROGRAM, top, n=9, key="a")
    np.testing.assert_allclose([bar.get_width() for bar in attributions.patches], genes["attribution"])
    styles = [label.get_style() for label in attributions.get_yticklabels()]
    assert styles == ["normal" if member else "italic" for member in genes["member"]]
    assert words(attributions.get_legend().get_texts())[-1] == "not a member of the program"
    assert not genes["member"].all() and attributions.get_title() == f"attributions: {top}"

    row, by_group = (
        cr.get.programs_df(result, columns="all").loc[PROGRAM],
        cr.get.leakage_df(result, PROGRAM, top, key="l").iloc[0],
    )
    ranked = cr.get.rank_programs_groups_df(result, key="r", columns="all").query("program == @PROGRAM")
    surest = ranked.sort_values("q", kind="stable").iloc[0]
    sure = ranked[ranked["q"] == surest["q"]]
    surest = sure.loc[sure["statistic"].abs().idxmax()]
    names, texts = zip(*facts(text), strict=True)
    expected = ("genes", "missing", "leakage", "", "importance", "difference")
    assert names == (*expected, "nearest twin")[: len(names)] and len(names) >= 6
    assert texts[1].replace("\n", " ") == f"{', '.join(missing[:12])} and 3 more"
    for line, values, where in ((texts[2], row, "all cells"), (texts[3], by_group, top)):
        leaks = f"{values['leakage']:.2f} of the refined activity, {values['leakage_encoder']:.2f} of the encoder"
        assert line == f"{leaks} ({where})"
    assert texts[4] == f"{row['importance']:.2f} nats per cell"
    assert texts[5].replace("\n", " ") == (
        f"{surest['group']} against rest (most certain): {surest['effect']:+.2f}, q = {surest['q']:.1g}, "
        f"carried by {surest['breadth']:.1f} of its genes"
    )
    assert {words.get_color() for words in text.texts[1::2]} == {"black"}


def test_results_by_other_groups_are_not_taken(result, model):
    cr.tl.attributions(result, model, groupby="batch", method="contributions")
    cr.tl.leakage(result, model, groupby="batch")
    cr.tl.rank_programs_groups(result, model, "batch")
    result.uns["rank_programs_groups"]["table"][["nearest_twin", "twin_similarity"]] = "PROGRAM_OF_OTHERS", 0.5
    _, _, attributions, text = cr.pl.program(result, PROGRAM, "cell_type")
    assert not attributions.patches
    said = dict(facts(text))
    assert "" not in said and said["leakage"].endswith("(all cells)")
    assert said["difference"] == "crystallin.tl.rank_programs_groups(adata, model, groupby='cell_type')"
    # programs are alike or not, whatever the groups
    assert said["nearest twin"] == "PROGRAM OF OTHERS (similarity 0.50)"
    result.uns["rank_programs_groups"]["table"]["nearest_twin"] = ""
    assert "nearest twin" not in dict(facts(cr.pl.program(result, PROGRAM, "cell_type")[3]))


def test_page_of_a_decoy(result, model):
    """Decoys are not ranked."""
    cr.tl.rank_programs_groups(result, model, "cell_type")
    said = facts(cr.pl.program(result, "decoy 1", "cell_type")[3])
    assert said[-1] == ("difference", "crystallin.tl.rank_programs_groups(adata, model, groupby='cell_type')")


def test_attributions_over_all_cells(result, model):
    cr.tl.attributions(result, model, method="contributions", programs=[PROGRAM])
    _, _, attributions, _ = cr.pl.program(result, PROGRAM, "cell_type")
    expected = cr.get.attributions_df(result, PROGRAM, n=10)
    np.testing.assert_allclose([bar.get_width() for bar in attributions.patches], expected["attribution"])
    assert attributions.get_title() == "attributions: all cells, absolute"
    # none of this program
    _, _, attributions, _ = cr.pl.program(result, "Program/1", "cell_type")
    assert not attributions.patches and len(attributions.texts) == 1


def test_other_programs_of_the_same_names(result, model):
    cr.tl.activity(result, model, key_added="mine")
    cr.tl.loadings(result, model, key_added="mine")
    cr.tl.attributions(result, model, method="contributions")
    cr.tl.rank_programs_groups(result, model, "cell_type")
    _, _, attributions, text = cr.pl.program(result, PROGRAM, "cell_type", key="mine")
    assert not attributions.patches
    # what is known of the programs travels with the model
    assert [name for name, _ in facts(text)] == ["genes", "leakage", "importance", "difference"]


def test_surest_difference(result, model):
    cr.tl.rank_programs_groups(result, model, "batch", within="cell_type")
    table = cr.get.rank_programs_groups_df(result, columns="all").query("program == @PROGRAM").copy()
    table["q"], table["statistic"] = 1e-3, 1.0
    table.iloc[1, table.columns.get_loc("statistic")] = -2.0
    row = table.iloc[1]
    text = _surest(table.drop(columns="breadth")).text
    assert text == (f"{row['stratum']}: {row['group']} against rest (most certain): {row['effect']:+.2f}, q = 0.001")
    table["q"] = np.nan
    assert _surest(table).text.startswith("not tested") and _surest(table).is_hint


def test_place_of_the_page(result):
    figure, (above, below) = plt.subplots(2, 1)
    axes = cr.pl.program(result, PROGRAM, "cell_type", ax=below)
    assert len(figure.axes) == 5 and below not in figure.axes and above in figure.axes
    assert {ax.figure for ax in axes} == {figure}
    assert all(ax.get_position().y1 < above.get_position().y0 for ax in axes)
    free = figure.add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="ax is not part of a grid of subplots"):
        cr.pl.program(result, PROGRAM, "cell_type", ax=free)


def test_one_cell_has_no_interval(result):
    result.obs["cell_type"] = np.where(np.arange(500) == 3, "alone", "others")
    active = cr.pl.program(result, PROGRAM, "cell_type")[0]
    alone = words(active.get_yticklabels()).index("alone")
    for lines in active.collections[:2]:
        assert np.ptp(lines.get_segments()[alone][:, 0]) == 0


def test_bad_input(result):
    with pytest.raises(KeyError, match="'nothing' is not one of the 16 programs"):
        cr.pl.program(result, "nothing", "cell_type")
    with pytest.raises(KeyError, match="groupby='nothing' is not a column of adata.obs"):
        cr.pl.program(result, PROGRAM, "nothing")
    with pytest.raises(ValueError, match="n_genes=0"):
        cr.pl.program(result, PROGRAM, "cell_type", n_genes=0)
    del result.varm["programs_loadings"]
    with pytest.raises(KeyError, match="no loadings under 'programs_loadings'"):
        cr.pl.program(result, PROGRAM, "cell_type")
    del result.obsm["X_programs"]
    with pytest.raises(KeyError, match="no activities under 'X_programs'"):
        cr.pl.program(result, PROGRAM, "cell_type")


def test_number_of_genes_of_a_difference(result, model):
    """pl.rank_programs_groups: the breadth of each row at its right."""
    cr.tl.rank_programs_groups(result, model, "batch", groups="one")
    table = result.uns["rank_programs_groups"]["table"]
    table["breadth"] = [1.04, 9.97, 23.4, np.nan, *[5.0] * 4]
    ax = cr.pl.rank_programs_groups(result, families="all")
    (right,) = ax.child_axes
    assert words(right.get_yticklabels()) == ["1.0", "10", "23", "", "5.0", "5.0", "5.0", "5.0"]
    assert {to_rgba(label.get_color()) for label in right.get_yticklabels()} == {to_rgba(MUTED)}
    assert words(ax.texts) == ["genes"]
    # results of earlier versions have none
    del table["breadth"]
    ax = cr.pl.rank_programs_groups(result, families="all")
    assert not ax.child_axes and not ax.texts
