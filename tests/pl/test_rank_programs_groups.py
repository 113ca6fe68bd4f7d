import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._style import DOWN, MUTED, UP


def colours(collection):
    return [to_rgba(colour) for colour in collection.get_edgecolors()]


def words_of(ax):
    """Words of the legend of a figure with one panel."""
    return [text.get_text() for text in ax.figure.legends[0].get_texts()]


def test_rank(ranked):
    axes = cr.pl.rank_programs_groups(ranked, n_programs=4)
    assert [ax.get_title().replace("\n", " ") for ax in axes] == [
        "CD14+ monocytes: stim against ctrl",
        "B cells: stim against ctrl",
    ]
    _, ax = plt.subplots()
    drawn = cr.pl.rank_programs_groups(ranked, stratum="B cells", n_programs=50, families="all", ax=ax)
    assert drawn is ax and len(ax.get_yticklabels()) == 50
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells", columns="all").head(50)
    dots = ax.collections[1]
    np.testing.assert_allclose(dots.get_offsets()[:, 0], part["effect"])
    expected = [
        to_rgba(MUTED if not q <= 0.05 else UP if effect > 0 else DOWN)
        for q, effect in zip(part["q"], part["effect"], strict=True)
    ]
    assert colours(dots) == expected
    white = (dots.get_facecolors() == 1).all(axis=1)
    np.testing.assert_array_equal(white, part["call"] == "")
    assert ax.yaxis_inverted() and max(len(label.get_text()) for label in ax.get_yticklabels()) <= 44
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    called = ["called, higher", "not called, though q ≤ 0.05", "q > 0.05, or not tested"]
    assert words == [*called, "the total activity, which goes the other way"]
    (legend,) = axes[0].figure.legends
    assert legend.get_title().get_text().startswith("difference with its 95 % interval")
    with pytest.raises(ValueError, match=r"The figure shows one comparison, but there are 2 \(CD14"):
        cr.pl.rank_programs_groups(ranked, ax=ax)
    with pytest.raises(ValueError, match="n_programs=0"):
        cr.pl.rank_programs_groups(ranked, n_programs=0)


def test_totals_and_opposed_programs(ranked):
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells", kind="total", columns="all")
    ax = cr.pl.rank_programs_groups(ranked, stratum="B cells", n_programs=50, families="all", kind="total")
    dots, diamonds = ax.collections[1:3]
    shown = part.head(50)
    np.testing.assert_allclose(dots.get_offsets()[:, 0], shown["total_effect"])
    white = (dots.get_facecolors() == 1).all(axis=1)
    np.testing.assert_array_equal(white, shown["total_call"] == "")
    assert ax.get_xlabel() == "difference of total activity (prior sd)"
    assert "the unique activity, which goes the other way" in words_of(ax)
    np.testing.assert_allclose(diamonds.get_offsets()[:, 0], shown.loc[shown["opposed"], "effect"])
    # from the other side
    ax = cr.pl.rank_programs_groups(ranked, stratum="B cells", n_programs=50, families="all")
    assert ax.get_xlabel() == "difference of activity (prior sd)"
    diamonds = ax.collections[2]
    np.testing.assert_allclose(diamonds.get_offsets(), [[-1.2, 2]])
    assert colours(diamonds) == [to_rgba(DOWN)]


def test_results_of_earlier_versions(ranked):
    table = ranked.uns["rank_programs_groups"]["table"]
    old = table.drop(columns=[name for name in table if name.startswith("total_") or name == "opposed"])
    ranked.uns["rank_programs_groups"]["table"] = old
    assert cr.pl.rank_programs_groups(ranked, stratum="B cells").get_xlabel() == "difference of activity (prior sd)"
    cr.pl.volcano(ranked, stratum="B cells")
    cr.pl.effects(ranked)
    with pytest.raises(ValueError, match="earlier version"):
        cr.pl.effects(ranked, kind="total")
