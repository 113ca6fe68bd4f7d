import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

import crystallin as cr
from crystallin.pl._style import shorten
from crystallin.pl._volcano import _spread


def contrasted(ranked):
    """The same table as a result of tl.compare."""
    table = ranked.uns["rank_programs_groups"]["table"].drop(columns=["group", "reference"])
    table["contrast"] = "condition: stim - ctrl"
    params = {"tool": "compare", "sample_key": "donor", "compared": np.array(["condition"])}
    ranked.uns["compare"] = {"params": params, "table": table}
    return ranked


def drawn(ax):
    return np.concatenate([collection.get_offsets() for collection in ax.collections])


def test_volcano(ranked):
    ax = cr.pl.volcano(ranked, stratum="B cells", n_labels=3)
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells", columns="all")
    tested = part["q"].notna()
    # programs that were not tested do not stretch the axis
    limit = ax.get_xlim()[1]
    assert limit == pytest.approx(1.08 * part.loc[tested, "effect"].abs().max())
    shown = part[tested | (part["effect"].abs() <= limit)]
    np.testing.assert_allclose(np.sort(drawn(ax)[:, 0]), np.sort(shown["effect"]))
    assert drawn(ax)[:, 1].max() <= 10 and (drawn(ax)[:, 1] == 0).sum() == len(shown) - tested.sum()
    # the name of the axis is at its top, and not in the title
    axis, *labels = [text.get_text() for text in ax.texts]
    assert axis == "−log10 q" and ax.get_title() == "B cells: stim against ctrl"
    chosen = part[part["call"] != ""]["program"].head(3)
    assert set(labels) == {shorten(name, 36) for name in chosen}
    with pytest.raises(ValueError, match="Choose one with group and stratum"):
        cr.pl.volcano(ranked)
    assert not cr.pl.volcano(ranked, "stim", stratum="B cells", n_labels=0, families="lead").texts[1:]


def test_untested_programs_beyond_the_others_are_not_drawn(ranked):
    table = ranked.uns["rank_programs_groups"]["table"]
    table.loc[table["q"].isna(), "effect"] = -9.0
    ax = cr.pl.volcano(ranked, stratum="B cells", n_labels=0)
    assert ax.get_xlim()[0] > -9 and drawn(ax)[:, 0].min() > -9
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    decisions = ["called, higher", "called, lower", "not called, though q ≤ 0.05", "q > 0.05"]
    assert words == [*decisions, "q < 1e-10"]
    table["q"] = np.nan
    ax = cr.pl.volcano(ranked, stratum="B cells")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["not tested"] and len(drawn(ax)) == 60


def crosses(one, other):
    """Whether two segments cross, each as two points."""

    def side(a, b, c):
        return np.sign(np.cross(b - a, c - a))

    (a, b), (c, d) = one, other
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors are deprecated")
@pytest.mark.parametrize("width", [4, 7.5])
def test_labels_neither_pile_up_nor_cross(ranked, width):
    table = ranked.uns["rank_programs_groups"]["table"]
    found = table["q"] < 0.05
    table.loc[found, "q"] = np.random.default_rng(0).choice([1e-12, 1e-3, 2e-3, 1e-2], found.sum())
    _, ax = plt.subplots(figsize=(width + 4, 4.5), layout="constrained")
    cr.pl.volcano(ranked, stratum="B cells", n_labels=30, ax=ax)
    ax.figure.draw_without_rendering()
    names = ax.texts[1:]
    assert len(names) > 15
    # the boxes of the texts themselves, without their lines
    boxes = [text.get_bbox_patch() or super(type(text), text).get_window_extent() for text in names]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    to_pixels = ax.transData.transform
    size, corner = np.array(ax.get_window_extent().size), np.array(ax.get_window_extent().min)
    lines = [(to_pixels(text.xy), corner + np.array(text.xyann) * size) for text in names]
    assert not any(crosses(one, other) for one, other in itertools.combinations(lines, 2))


def test_spread():
    np.testing.assert_allclose(_spread(np.array([10.0, 50, 90]), 100), [10, 50, 90])
    np.testing.assert_allclose(_spread(np.array([50.0, 50, 50]), 100), [39, 50, 61])
    np.testing.assert_allclose(_spread(np.array([0.0, 1, 99, 100]), 100), [0, 11, 89, 100])
    np.testing.assert_allclose(_spread(np.array([100.0, 100]), 100), [89, 100])


def test_totals(ranked):
    ax = cr.pl.volcano(ranked, stratum="B cells", kind="total", n_labels=0)
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells", kind="total", columns="all")
    tested = part.loc[part["total_q"].notna(), "total_effect"]
    assert set(np.round(tested, 6)) <= set(np.round(drawn(ax)[:, 0], 6))
    assert ax.get_xlabel() == "difference of total activity (prior sd)"


def test_filled_dots_are_called(ranked):
    part = cr.get.rank_programs_groups_df(ranked, stratum="B cells", columns="all")
    for options, called in (({}, part["call"] != ""), ({"q_max": 0.6}, part["q"] <= 0.6)):
        ax = cr.pl.volcano(ranked, stratum="B cells", n_labels=0, **options)
        white = np.concatenate([(dots.get_facecolors() == 1).all(axis=1) for dots in ax.collections[1:]])
        assert (~white).sum() == called.sum()


def test_contrasts(ranked):
    of_groups = cr.pl.volcano(ranked, "stim", stratum="B cells", n_labels=2)
    adata = contrasted(ranked)
    ax = cr.pl.volcano(adata, contrast="condition: stim - ctrl", stratum="B cells", n_labels=2)
    np.testing.assert_array_equal(drawn(ax), drawn(of_groups))
    assert ax.get_title().startswith("B cells: condition: stim - ctrl")
    assert len(drawn(cr.pl.volcano(adata, stratum="B cells", key="compare", kind="total"))) > 50
    with pytest.raises(ValueError, match="Choose one with contrast and stratum"):
        cr.pl.volcano(adata, key="compare")
    with pytest.raises(ValueError, match="group='stim' chooses among the results of rank_programs_groups and contrast"):
        cr.pl.volcano(adata, "stim", contrast="condition: stim - ctrl")
    with pytest.raises(ValueError, match="contrast='nothing' is not one of 'condition: stim - ctrl'"):
        cr.pl.volcano(adata, contrast="nothing")
    adata.uns["mine"] = adata.uns.pop("compare")
    with pytest.raises(
        ValueError, match="group= chooses among results of rank_programs_groups, but those under 'mine'"
    ):
        cr.pl.volcano(adata, "stim", key="mine")
    with pytest.raises(KeyError, match="no contrasts of samples under 'compare'.*There is one under 'mine'"):
        cr.pl.volcano(adata, contrast="condition: stim - ctrl")
