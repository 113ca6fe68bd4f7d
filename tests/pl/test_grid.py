"""What dot plot and matrix plot have in common."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin.pl._chosen import by_similarity, diagonal, distinctive
from crystallin.pl._grid import _limit

BOTH = pytest.mark.parametrize("plot", [cr.pl.dotplot, cr.pl.matrixplot])


def words(labels):
    return [label.get_text() for label in labels]


def means(adata, groupby="cell_type"):
    return cr.get.activity_df(adata).groupby(adata.obs[groupby], observed=True).mean()


def lead(adata, group, program):
    column = means(adata)[program]
    return min(column[group], column[group] - column.drop(group).mean())


def test_both_show_the_same(result):
    dots, cells = cr.pl.dotplot(result, "cell_type"), cr.pl.matrixplot(result, "cell_type")
    for axis in ("xaxis", "yaxis"):
        assert words(getattr(dots, axis).get_ticklabels()) == words(getattr(cells, axis).get_ticklabels())
    bars = [plt.figure(number).axes[1] for number in plt.get_fignums()]
    assert bars[0].get_ylim() == bars[1].get_ylim() and {bar.get_ylabel() for bar in bars} == {"mean activity"}
    assert dots.get_xlim() == cells.get_xlim() and dots.get_ylim() == cells.get_ylim()


@BOTH
def test_groups_and_programs(result, plot):
    before = result.copy()
    order = ["type 1", "type 2", "type 0"]
    result.obs["cell_type"] = result.obs["cell_type"].cat.reorder_categories(order)
    ax = plot(result, "cell_type", ["Program/3", "decoy 1", "Program/0", "Program/3"])
    assert words(ax.get_xticklabels()) == order
    assert words(ax.get_yticklabels()) == ["Program/3", "decoy 1", "Program/0"] and ax.yaxis_inverted()
    chosen = words(plot(result, "cell_type", n_programs=1).get_yticklabels())
    # no decoys
    best = [max(means(result), key=lambda name, group=group: lead(result, group, name)) for group in order]
    assert set(chosen) == set(best)
    pd.testing.assert_frame_equal(result.obs[["batch", "age"]], before.obs[["batch", "age"]])
    assert set(result.uns) == set(before.uns)


@BOTH
def test_sections(result, plot):
    ax = plot(result, "cell_type", {"First ones": ["Program/1", "Program/0"], "Others": "Program/1"})
    labels = {label.get_position()[1]: label for label in ax.get_yticklabels()}
    assert [labels[place].get_text() for place in range(5)] == [
        "First ones",
        "Program/1",
        "Program/0",
        "Others",
        "Program/1",
    ]
    assert [labels[place].get_fontweight() == "bold" for place in range(5)] == [True, False, False, True, False]
    assert ax.get_ylim() == (4.5, -0.5)


@BOTH
def test_one_group_one_cell_many_groups(result, plot):
    result.obs["all"] = "everything"
    assert words(plot(result, "all", n_programs=3).get_xticklabels()) == ["everything"]
    result.obs["cell_type"] = np.where(np.arange(500) == 3, "alone", "others")
    assert words(plot(result, "cell_type").get_xticklabels()) == ["alone", "others"]
    result.obs["many"] = [f"a name of a group that is forty letters {i % 60:02}"[-40:] for i in range(500)]
    ax = plot(result, "many", n_programs=1)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {90} and len(ax.get_xticks()) == 60
    ax.figure.draw_without_rendering()
    # nothing sticks out of the figure, and columns do not overlap
    box, size = ax.figure.get_tightbbox(), ax.figure.get_size_inches()
    assert (box.min >= 0).all() and (box.max <= size).all() and (size - box.size < 0.2).all()
    assert ax.get_window_extent().width / 60 > 8 * ax.figure.dpi / 72


@BOTH
@pytest.mark.parametrize("programs", ["Program/0", [f"Program/{i}" for i in range(8)]])
def test_size_follows_rows_and_columns(result, plot, programs):
    ax = plot(result, "cell_type", programs)
    ax.figure.draw_without_rendering()
    inches = ax.get_window_extent().size / ax.figure.dpi
    np.testing.assert_allclose(inches, [0.22 * 3, 0.22 * len(ax.get_yticks())])
    bar = ax.figure.axes[1]
    width, height = bar.get_window_extent().size / ax.figure.dpi
    # an arrow at its end is part of its length
    assert width == pytest.approx(0.12) and 0.85 < height <= 1.001
    # at the right of the axes, from the top
    assert bar.get_window_extent().x0 > ax.get_window_extent().x1
    assert 0 <= ax.get_window_extent().y1 - bar.get_window_extent().y1 < 0.1 * ax.figure.dpi


@BOTH
def test_place_and_show(result, plot, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    figure, (left, right) = plt.subplots(1, 2)
    assert plot(result, "cell_type", ax=left, show=True) is left and shown == [True]
    assert left.get_xticklabels() and not words(right.get_xticklabels())[0].startswith("type")
    # one bar, taken from the axes given
    assert len(figure.axes) == 3 and left.get_position().x1 < figure.axes[2].get_position().x0 < 0.5


@pytest.mark.parametrize(
    "plot",
    [
        lambda adata: cr.pl.dotplot(adata, "cell_type"),
        lambda adata: cr.pl.matrixplot(adata, "cell_type"),
        lambda adata: cr.pl.violin(adata, "Program/1", "cell_type"),
        lambda adata: cr.pl.embedding(adata, "Program/1"),
        lambda adata: cr.pl.network(adata, "Program/1"),
    ],
)
def test_scanpy_settings(result, plot):
    """``scanpy.set_figure_params`` turns grids on, which would lie over dots and colours."""
    result.obsm["X_umap"] = np.random.default_rng(0).normal(size=(500, 2))
    with plt.rc_context({"axes.grid": True, "figure.constrained_layout.use": True, "legend.handlelength": 0.5}):
        figure = plot(result).figure
        figure.draw_without_rendering()
    lines = [line for ax in figure.axes if ax.axison for line in [*ax.get_xgridlines(), *ax.get_ygridlines()]]
    assert not any(line.get_visible() for line in lines)


@BOTH
def test_bad_input(result, plot):
    with pytest.raises(KeyError, match="'nothing' is not one of the 16 programs"):
        plot(result, "cell_type", ["nothing"])
    with pytest.raises(ValueError, match="programs is empty; name one or several programs"):
        plot(result, "cell_type", [])
    with pytest.raises(ValueError, match=r"programs\['T'\] is empty"):
        plot(result, "cell_type", {"T": []})
    with pytest.raises(KeyError, match="groupby='nothing' is not a column"):
        plot(result, "nothing")
    with pytest.raises(ValueError, match="groupby='age' holds numbers"):
        plot(result, "age")
    with pytest.raises(ValueError, match="n_programs=0"):
        plot(result, "cell_type", n_programs=0)
    with pytest.raises(ValueError, match="sort='size' is not one of 'category', 'similarity'"):
        plot(result, "cell_type", sort="size")
    del result.obsm["X_programs"]
    with pytest.raises(KeyError, match="no activities under 'X_programs'"):
        plot(result, "cell_type")


@BOTH
def test_combinations_of_columns(result, plot):
    ax = plot(result, ["cell_type", "batch"], "Program/0")
    assert words(ax.get_xticklabels()) == [f"type {i}, {batch}" for i in range(3) for batch in ("one", "two")]
    cells = (result.obs["cell_type"] == "type 1") & (result.obs["batch"] == "two")
    mean = cr.get.activity_df(result, "Program/0")[cells.to_numpy()].to_numpy().mean()
    assert ax.collections[0].get_array().ravel()[3] == pytest.approx(mean, rel=1e-4)
    assert words(plot(result, ["batch"]).get_xticklabels()) == ["one", "two"]
    # only combinations that occur
    some = result[(result.obs["cell_type"] != "type 0") | (result.obs["batch"] == "one")].copy()
    assert len(plot(some, ["cell_type", "batch"]).get_xticks()) == 5


@BOTH
def test_too_many_combinations(result, plot):
    result.obs["well"] = [f"w{i % 25}" for i in range(500)]
    result.obs["plate"] = [f"p{i // 25}" for i in range(500)]
    with pytest.raises(
        ValueError, match=r"has 500 combinations of labels \('plate' with 20 x 'well' with 25.*for 100.*'well'"
    ):
        plot(result, ["plate", "well"])
    with pytest.raises(ValueError, match="groupby is empty"):
        plot(result, [])
    with pytest.raises(KeyError, match="groupby='nothing' is not a column"):
        plot(result, ["cell_type", "nothing"])
    result.obs["one"], result.obs["other"] = ["a, b", "a"] * 250, ["c", "b, c"] * 250
    with pytest.raises(ValueError, match="gives two combinations the same name"):
        plot(result, ["one", "other"])


@BOTH
def test_programs_that_were_not_measured(result, plot):
    result.obsm["X_programs"][:, 2] = result.obsm["programs_sd"][:, 2] = np.nan
    ax = plot(result, "cell_type", ["Program/1", "Program/2"])
    (crosses,) = [part for part in ax.collections if part.get_offsets().tolist() == [[0, 1], [1, 1], [2, 1]]]
    assert crosses.get_linewidths()[0] > 0
    assert words(ax.figure.axes[1].get_legend().get_texts())[-1] == "genes not\nmeasured"
    low, high = next(part for part in ax.collections if part.get_array() is not None).get_clim()
    assert np.isfinite([low, high]).all() and low < high
    # they are never chosen, and say nothing of similarity
    assert "Program/2" not in words(plot(result, "cell_type", n_programs=8, sort="similarity").get_yticklabels())
    plot(result, "cell_type", ["Program/1", "Program/2"], sort="similarity")


def test_order_by_similarity(result):
    rng = np.random.default_rng(0)
    result.obs["group"] = np.array(list("abcd"))[rng.integers(0, 4, 500)]
    # a and c are alike, and so are b and d
    result.obsm["X_programs"][:, 0] = result.obs["group"].map({"a": 2, "c": 2.1, "b": -1, "d": -1.2}).to_numpy()
    for sort, order in (("category", "abcd"), ("similarity", None)):
        ax = cr.pl.dotplot(result, "group", "Program/0", sort=sort)
        found = "".join(words(ax.get_xticklabels()))
        assert found == order or {found[:2], found[2:]} <= {"ac", "ca", "bd", "db"}
        assert (found == "abcd") is (sort == "category")
    assert by_similarity(pd.DataFrame({"one": [1, 0]}, index=["x", "y"])) == ["x", "y"]


def test_programs_that_tell_groups_apart():
    mean = pd.DataFrame(
        {
            "everywhere": [2.0, 2.1, 2.0],
            "lower elsewhere": [-0.1, -2.0, -2.0],
            "of one": [1.0, 0.0, 0.1],
            "of two": [0.0, 1.5, 1.4],
            "of three": [0.0, 0.0, 0.9],
        },
        index=["one", "two", "three"],
    )
    assert distinctive(mean, 1) == ["of one", "of two", "of three"]
    assert set(distinctive(mean, 2)) == {"of one", "everywhere", "of two", "of three"}
    assert diagonal(mean[["of three", "of two", "everywhere", "of one"]]) == [
        "of one",
        "everywhere",
        "of two",
        "of three",
    ]
    # of a single group the highest
    assert distinctive(mean.loc[["three"]], 2) == ["everywhere", "of two"]


@pytest.mark.parametrize(
    ("largest", "limit", "extend"),
    [
        ([1, 1.1, 7], 1.1, "max"),
        ([-7, 1.1, 1], 1.1, "min"),
        ([1, 1.1, 1.2], 1.2, "neither"),
        # of two groups none is far from all others
        ([1, 7], 7, "neither"),
        ([0, 0, 0], 1, "neither"),
        # one in ten may be beyond the colours
        ([*[1] * 18, 7, -7], 1, "both"),
        ([*[1] * 17, 7, 7, 7], 7, "neither"),
    ],
)
def test_limit_of_the_colours(largest, limit, extend):
    mean = pd.DataFrame([largest, np.zeros(len(largest))])
    assert _limit(mean) == (limit, extend)
