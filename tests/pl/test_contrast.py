"""A difference between groups as a waterfall of genes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._style import DOWN, MUTED, UP

PROGRAM = "Program/2"


@pytest.fixture
def contrasted(result, model):
    cr.tl.contrast(result, model, PROGRAM, groupby="cell_type", group="type 1")
    return result


def test_bars_follow_each_other(contrasted):
    ax = cr.pl.contrast(contrasted, n_genes=6)
    table, params = cr.get.contrast_df(contrasted), cr.get.contrast_params(contrasted)
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths[:6], table["contribution"].head(6))
    np.testing.assert_allclose([sum(widths[:7]), widths[7]], params["difference"])
    # each bar begins where the one before ended
    ends = [bar.get_x() + bar.get_width() for bar in ax.patches[:7]]
    np.testing.assert_allclose([bar.get_x() for bar in ax.patches[1:7]], ends[:-1], atol=1e-9)
    styles = [label.get_style() for label in ax.get_yticklabels()[:6]]
    assert styles == ["normal" if member else "italic" for member in table["member"].head(6)]


def test_no_bar_touches_the_edge(contrasted):
    ax = cr.pl.contrast(contrasted, n_genes=6)
    low, high = ax.get_xlim()
    ends = np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in ax.patches])
    assert (ends.max() == 0 == high or ends.max() < high) and (ends.min() == 0 == low or ends.min() > low)


def test_colours_are_directions(contrasted):
    ax = cr.pl.contrast(contrasted, n_genes=12)
    contributions = cr.get.contrast_df(contrasted, 12)["contribution"]
    expected = [to_rgba(UP if value > 0 else DOWN) for value in contributions] + [to_rgba(MUTED)] * 2
    assert [bar.get_facecolor() for bar in ax.patches] == expected


def test_title_says_what_is_compared_and_how_many_genes_carry_it(contrasted):
    breadth = cr.get.contrast_params(contrasted)["breadth"]
    title = cr.pl.contrast(contrasted).get_title()
    assert title.replace("\n", " ") == f"{PROGRAM}: type 1 against rest carried by {breadth:.1f} of its genes"
    assert max(map(len, title.split("\n"))) <= 50


def test_genes_from_the_top_then_all_others_then_the_whole(contrasted):
    table = cr.get.contrast_df(contrasted)
    words = [label.get_text() for label in cr.pl.contrast(contrasted, n_genes=4).get_yticklabels()]
    assert words == [*table["gene"].head(4), "236 other genes", "difference"]
    # nothing is left over
    whole = cr.pl.contrast(contrasted, n_genes=len(table))
    assert [label.get_text() for label in whole.get_yticklabels()[-2:]] == [table["gene"].iloc[-1], "difference"]
    assert whole.yaxis_inverted()


def test_place_key_and_show(contrasted, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    contrasted.uns["mine"] = contrasted.uns.pop("contrast")
    _, given = plt.subplots()
    assert cr.pl.contrast(contrasted, key="mine", ax=given, show=True) is given and shown == [True]
    with pytest.raises(KeyError, match="under 'contrast'; call crystallin.tl.contrast.*There is one under 'mine'"):
        cr.pl.contrast(contrasted)
    with pytest.raises(ValueError, match="n_genes=0 must be a whole number of at least 1"):
        cr.pl.contrast(contrasted, n_genes=0, key="mine")


def test_the_total_is_named(result, model):
    cr.tl.contrast(result, model, PROGRAM, groupby="cell_type", group="type 1", kind="total")
    ax = cr.pl.contrast(result)
    assert ax.get_title().replace("\n", " ").startswith(f"{PROGRAM} (total): type 1 against rest")
    assert ax.get_xlabel() == "difference of total activity (prior sd)"
    # results of earlier versions are of the unique activity
    del result.uns["contrast"]["params"]["kind"]
    assert cr.pl.contrast(result).get_xlabel() == "difference of activity (prior sd)"


@pytest.fixture
def stratified(result, model):
    cr.tl.contrast(result, model, PROGRAM, groupby="batch", group="one", within="cell_type")
    return result


def words(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_legend_of_the_marks(contrasted):
    assert words(cr.pl.contrast(contrasted)) == [
        "raises the difference",
        "lowers it",
        "not a member of the program",
    ]
    table = contrasted.uns["contrast"]["table"]
    contrasted.uns["contrast"]["table"] = table[table["member"] & (table["contribution"] > 0)]
    assert words(cr.pl.contrast(contrasted)) == ["raises the difference"]


def test_strata_are_a_heat_map(stratified):
    ax = cr.pl.contrast(stratified, n_genes=7)
    table = cr.get.contrast_df(stratified)
    genes = table["gene"].unique()[:7]
    assert [label.get_text() for label in ax.get_yticklabels()] == [*genes, "sum of all genes"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["type 0", "type 1", "type 2"]
    wide = table.pivot(index="gene", columns="stratum", values="contribution")
    shown, (low, high) = np.asarray(ax.images[0].get_array()), ax.images[0].get_clim()
    assert low == -high and len(shown) == 7
    np.testing.assert_allclose(shown, wide.loc[genes].clip(low, high))
    # those that are clipped have a mark
    marked = {tuple(place) for place in ax.collections[0].get_offsets()}
    assert marked == {(column, row) for row, column in np.argwhere(np.abs(wide.loc[genes].to_numpy()) > high)}
    assert [text.get_text().replace("−", "-") for text in ax.texts] == [f"{value:.2f}" for value in wide.sum()]
    assert ax.figure.axes[1].get_ylabel() == "contribution to the difference of activity (prior sd)"
    assert ("beyond the colours" in words(ax)) == bool(marked)
    member = table.drop_duplicates("gene")["member"].head(7)
    styles = [label.get_style() for label in ax.get_yticklabels()[:7]]
    assert styles == ["normal" if inside else "italic" for inside in member]
    _, given = plt.subplots()
    assert cr.pl.contrast(stratified, ax=given) is given
