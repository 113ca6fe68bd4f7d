"""A query over its reference."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, Rectangle

import crystallin as cr
from crystallin.pl._map import RADIUS, UNLIKE
from crystallin.pl._map_names import COLOURS, colours_of
from crystallin.pl._map_verdicts import COLOURS as OF_VERDICTS

NINE = tuple(f"a label with a name of some length, number {i}" for i in range(9))


def words(texts):
    return [text.get_text() for text in texts]


def circles(ax):
    """Centres of the circles, each of which is drawn twice."""
    found = [patch for patch in ax.patches if isinstance(patch, Circle)]
    assert {patch.radius for patch in found} == {RADIUS}
    return np.array([patch.center for patch in found])[1::2]


def bars(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_cells_and_circles(mapped):
    adata = mapped()
    plane, verdicts = cr.pl.map(adata)
    cells = cr.get.map_cells_df(adata)
    unlike = cells["p"] < 0.05
    dots, crosses = plane.collections
    assert len(dots.get_offsets()) == (~unlike).sum() and len(crosses.get_offsets()) == unlike.sum() > 0
    place = adata.obsm["X_programs_map"]
    # but for the farthest
    found = {tuple(np.round(xy, 4)) for xy in [*dots.get_offsets(), *crosses.get_offsets()]}
    assert len({tuple(np.round(xy, 4)) for xy in place.astype(float)} & found) > 110
    np.testing.assert_allclose(circles(plane), adata.uns["map"]["centres"])
    assert np.isclose(RADIUS, 2.4477, atol=1e-4)
    assert words(plane.texts) and set(words(plane.texts)) - {""} == set(adata.uns["map"]["params"]["labels"])
    assert {to_rgba(COLOURS[i], 0.8) for i in range(3)} == {tuple(colour) for colour in dots.get_facecolors()}
    assert tuple(crosses.get_edgecolors()[0]) == to_rgba(UNLIKE, 0.8)
    legend = words(plane.get_legend().get_texts())
    assert f"unlike the reference (p < 0.05): {unlike.sum()} of 120 cells" in legend[1]
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("discriminant 1", "discriminant 2")
    assert plane.get_aspect() == 1
    _, crosses = cr.pl.map(adata, alpha=0.5)[0].collections
    assert len(crosses.get_offsets()) == (cells["p"] < 0.5).sum()
    assert verdicts.figure is plane.figure


def test_verdicts(mapped):
    adata = mapped(groupby="cluster", groups=tuple("abcdefgh"))
    ax = cr.pl.map(adata)[1]
    table = cr.get.map_df(adata, columns="all").set_index("group")
    names = [name.split(" → ") for name in words(ax.get_yticklabels())]
    rows = table.loc[[group for group, _ in names]]
    assert rows["label"].tolist() == [label for _, label in names]
    # new groups first, and the farthest first among them
    assert rows["verdict"].tolist() == [name for name in OF_VERDICTS for _ in range(2)]
    assert all(rows["distance"].iloc[i] >= rows["distance"].iloc[i + 1] for i in (0, 2, 4, 6))
    np.testing.assert_allclose([bar.get_width() for bar in bars(ax)], rows["distance"])
    expected = [to_rgba(OF_VERDICTS[name]) for name in rows["verdict"]]
    assert [bar.get_facecolor() for bar in bars(ax)] == expected
    (diamonds,) = ax.collections
    inside = (rows["own_distance"] <= ax.get_xlim()[1]).to_numpy()
    assert inside[:-2].all()
    offsets = np.column_stack([rows["own_distance"], range(8)])[inside]
    np.testing.assert_allclose(diamonds.get_offsets(), offsets)
    assert {(line.get_xdata()[0], line.get_linestyle()) for line in ax.lines} == {(1.5, "--"), (4.0, "-")}
    texts = words(ax.texts)
    assert [text for text in texts if text in OF_VERDICTS] == rows["verdict"].tolist()
    assert [text for text in texts if text.isdigit()] == rows["n_cells"].astype(str).tolist()
    assert "group → nearest label" in texts
    assert ax.get_title(loc="left") == "groups: 2 new, 2 shifted,\n2 like the reference, 2 too few cells"


def test_a_few_cells_do_not_make_the_bars_of_others_small(mapped):
    adata = mapped(groupby="cluster", groups=tuple("abcdefgh"))
    table = adata.uns["map"]["table"]
    few = table["verdict"] == "too few cells"
    table.loc[few, ["distance", "own_distance"]] = 90.0
    ax = cr.pl.map(adata)[1]
    assert ax.get_xlim()[1] < 1.2 * table.loc[~few, "distance"].max()
    assert len(ax.collections[0].get_offsets()) == (~few).sum()


def test_without_samples_there_is_no_limit(mapped):
    ax = cr.pl.map(mapped(limit=np.nan))[1]
    assert [line.get_xdata()[0] for line in ax.lines] == [4.0]
    assert words(ax.get_legend().get_texts()) == [
        "without what most groups have in common",
        "as far as another label would be",
    ]
    # groups that are called as their label
    assert "→" not in "".join(words(ax.get_yticklabels()))


def test_two_labels_and_no_unlike_cells(mapped):
    plane = cr.pl.map(mapped(labels=("one", "two")), alpha=0)[0]
    assert plane.get_ylabel() == "main direction beside it" and len(circles(plane)) == 2
    assert "0 of 120 cells, 0%" in words(plane.get_legend().get_texts())[1]
    # and the other way round
    assert len(cr.pl.map(mapped(), alpha=1)[0].collections[0].get_offsets()) == 0


def test_names_do_not_overlap(mapped):
    for seed in range(3):
        plane = cr.pl.map(mapped(600, labels=NINE, seed=seed))[0]
        plane.figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in plane.texts if text.get_text()]
        assert len(boxes) == 9
        inside = plane.get_window_extent().padded(2)
        for i, box in enumerate(boxes):
            assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_colours_are_shared_by_labels_that_are_far_apart():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 5, (7, 2))
    assert colours_of(centres) == list(COLOURS)
    # the eighth lies on the third
    more = np.vstack([centres, centres[2]])
    farthest = np.linalg.norm(centres - centres[2], axis=1).argmax()
    assert colours_of(more)[-1] == COLOURS[farthest]
    many = colours_of(rng.normal(0, 5, (16, 2)))
    assert sorted(many.count(colour) for colour in COLOURS) == [2] * 5 + [3] * 2


def test_given_axes(mapped):
    _, ax = plt.subplots()
    assert cr.pl.map(mapped(), ax=ax) is ax
    assert len(ax.figure.axes) == 1 and len(circles(ax)) == 3


def test_a_far_cell_does_not_make_all_else_small(mapped):
    adata = mapped(3_000)
    adata.obsm["X_programs_map"][0] = 1_000
    plane = cr.pl.map(adata)[0]
    assert np.abs(plane.get_xlim()).max() < 50 and np.abs(plane.get_ylim()).max() < 50


def test_nothing_is_logged(mapped, caplog):
    cr.pl.map(mapped(labels=NINE))[0].figure.draw_without_rendering()
    assert not caplog.records


def test_bad_input(mapped, result):
    with pytest.raises(KeyError, match=r"no verdicts on groups under 'map'; call crystallin.map\(adata, model\) first"):
        cr.pl.map(result)
    with pytest.raises(ValueError, match="alpha=-1 must be a number of at least 0"):
        cr.pl.map(mapped(), alpha=-1)
    with pytest.raises(ValueError, match="size=0 must be a number above 0"):
        cr.pl.map(mapped(), size=0)
    adata = mapped()
    del adata.obsm["X_programs_map"]
    with pytest.raises(KeyError, match="has no 'X_programs_map', which holds the places of cells"):
        cr.pl.map(adata)


def test_a_query_that_was_mapped(planted, model):
    """From the trained model to the figure, on cells of which half are known to be like the reference."""
    calibrated = copy.copy(model)
    cr.calibrate(calibrated, "cell_type")
    # genes in another order
    query = planted.adata[:200, ::-1].copy()
    cr.map(query, calibrated, batch_key="batch", groupby="cell_type")
    table = cr.get.map_df(query, columns="all")
    assert (table["group"] == table["label"]).all() and (table["verdict"] == "like the reference").all()
    cells = cr.get.map_cells_df(query)
    assert (cells["label"].astype(str) == query.obs["cell_type"].astype(str)).mean() > 0.7
    np.testing.assert_array_equal(cr.get.like_reference(query), cells["p"] >= 0.05)
    assert cr.get.like_reference(query).mean() > 0.85
    plane, verdicts = cr.pl.map(query)
    assert len(circles(plane)) == len(bars(verdicts)) == 3
    # cells of a label have covariance I around its centre
    place, centres = query.obsm["X_programs_map"], query.uns["map"]["centres"]
    away = np.linalg.norm(place - centres[cells["label"].cat.codes], axis=1)
    assert (away < RADIUS).mean() > 0.85
