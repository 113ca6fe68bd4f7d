import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._style import MUTED, UP

NAME = "REACTOME_A_RATHER_LONG_NAME_OF_A_PATHWAY_THAT_GOES_ON_{:02d}"


@pytest.fixture
def compared(ranked):
    """The ranking as a result of tl.compare, with two contrasts."""
    table = ranked.uns["rank_programs_groups"]["table"].drop(columns=["group", "reference"])
    for before in ("", "total_"):
        effect = table[f"{before}effect"]
        table[f"{before}effect_min"], table[f"{before}effect_max"] = effect - 0.5, effect + 0.1
        table[f"{before}detectable"], table[f"{before}most_influential"] = 0.7, "d1"
    parts = [table.assign(contrast=name) for name in ("condition: stim - ctrl", "condition: late - ctrl")]
    params = {"tool": "compare", "sample_key": "donor", "compared": np.array(["condition"])}
    ranked.uns["compare"] = {"params": params, "table": pd.concat(parts, ignore_index=True)}
    return ranked


def words(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def dots(ax):
    """Places, and colours inside and of the edge."""
    (found,) = [part for part in ax.collections if isinstance(part, PathCollection)]
    return found.get_offsets(), found.get_facecolors(), found.get_edgecolors()


def test_strata_of_a_contrast(compared):
    ax = cr.pl.forest(compared, NAME.format(1), contrast="condition: stim - ctrl")
    rows = cr.get.compare_df(compared, "condition: stim - ctrl", columns="all").query("program == @NAME.format(1)")
    assert names(ax) == ["CD14+ monocytes", "B cells"]
    np.testing.assert_allclose(dots(ax)[0], np.column_stack([rows["effect"], [0, 1]]))
    assert [text.get_text() for text in ax.texts] == ["q < 1e-10"] * 2
    assert "condition: stim - ctrl" in ax.get_title(loc="left")
    # called, so that nothing says what would have been found
    assert words(ax) == ["called", "range when each donor in turn is left out"]
    segments = np.concatenate(
        [np.array(part.get_segments()) for part in ax.collections if isinstance(part, LineCollection)]
    )
    ends = {tuple(np.round(np.sort(part[:, 0]), 6)) for part in segments}
    for _, row in rows.iterrows():
        assert {(round(row["lower"], 6), round(row["upper"], 6))} <= ends
        assert {(round(row["effect_min"], 6), round(row["effect_max"], 6))} <= ends


@pytest.mark.parametrize(
    ("program", "inside", "edge", "word"),
    [
        (1, UP, UP, "called"),
        (3, "white", UP, "not called, though q ≤ 0.05"),
        (30, "white", MUTED, "q > 0.05, or not tested"),
    ],
)
def test_marks_of_what_is_called(compared, program, inside, edge, word):
    ax = cr.pl.forest(compared, NAME.format(program), contrast="condition: stim - ctrl")
    _, face, border = dots(ax)
    assert tuple(face[0]) == to_rgba(inside) and tuple(border[0]) == to_rgba(edge)
    assert words(ax)[0] == word
    assert ("would have been found (probability .8)" in words(ax)) == (program == 30)


def test_untested(compared):
    ax = cr.pl.forest(compared, NAME.format(59), contrast="condition: stim - ctrl")
    assert [text.get_text() for text in ax.texts] == ["not tested"] * 2


def test_several_contrasts_have_sections(compared):
    ax = cr.pl.forest(compared, NAME.format(1))
    assert names(ax) == ["CD14+ monocytes", "B cells"] * 2 + ["condition: stim - ctrl", "condition: late - ctrl"]
    # in the order of the rows, below the heading of their contrast
    rows = cr.get.compare_df(compared, columns="all").query("program == @NAME.format(1)")
    places = np.where(rows["contrast"] == "condition: stim - ctrl", 0, 3) + np.where(rows["stratum"] == "B cells", 2, 1)
    assert sorted(dots(ax)[0][:, 1]) == [1, 2, 4, 5]
    drawn = {(round(effect, 6), place) for effect, place in dots(ax)[0]}
    assert drawn == {(round(effect, 6), place) for effect, place in zip(rows["effect"], places, strict=True)}
    ax = cr.pl.forest(compared, NAME.format(1), stratum="B cells")
    assert names(ax) == ["condition: stim - ctrl", "condition: late - ctrl"]
    ax = cr.pl.forest(compared, NAME.format(1), stratum="B cells", contrast="condition: stim - ctrl")
    assert names(ax) == [""] and "B cells: condition: stim - ctrl" in ax.get_title(loc="left")


def test_totals(compared):
    ax = cr.pl.forest(compared, NAME.format(1), contrast="condition: stim - ctrl", kind="total")
    rows = cr.get.compare_df(compared, "condition: stim - ctrl", columns="all").query("program == @NAME.format(1)")
    np.testing.assert_allclose(dots(ax)[0][:, 0], rows["total_effect"])
    assert ax.get_xlabel() == "difference of total activity (prior sd), with 95 % interval"
    assert "(total)" in ax.get_title(loc="left")


def test_groups(ranked):
    ax = cr.pl.forest(ranked, NAME.format(1), group="stim")
    assert names(ax) == ["CD14+ monocytes", "B cells"] and "stim against ctrl" in ax.get_title(loc="left")
    assert words(ax) == ["called"]
    other = cr.pl.forest(ranked, NAME.format(1), key="rank_programs_groups", ax=ax)
    assert other is ax


def test_a_limit_of_q_instead_of_the_decision(ranked):
    ax = cr.pl.forest(ranked, NAME.format(3), group="stim", q_max=0.01)
    assert words(ax) == ["q ≤ 0.01"] and (dots(ax)[1] == to_rgba(UP)).all()


def test_bad_input(compared, ranked):
    with pytest.raises(KeyError, match="'nothing' is not one of the 60 programs"):
        cr.pl.forest(compared, "nothing")
    with pytest.raises(TypeError, match="must be the name of one program"):
        cr.pl.forest(compared, ["one", "two"])
    with pytest.raises(ValueError, match="stratum='T' is not one of"):
        cr.pl.forest(compared, NAME.format(1), stratum="T")
    del ranked.uns["compare"]
    with pytest.raises(KeyError, match="no contrasts of samples under 'compare'"):
        cr.pl.forest(ranked, NAME.format(1))
