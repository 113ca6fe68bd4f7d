"""Activities of programs by group, as a matrix."""

import numpy as np
from matplotlib.colors import to_rgba
from scipy import stats

import crystallin as cr

PROGRAMS = ["Program/3", "Program/0", "Program/5"]


def test_colour_is_the_mean_and_marks_are_intervals_without_0(result):
    ax = cr.pl.matrixplot(result, "cell_type", {"one": PROGRAMS[:1], "others": PROGRAMS[1:]})
    mesh, marks = ax.collections
    values = mesh.get_array()
    activity = cr.get.activity_df(result, PROGRAMS).astype(float)
    parts = [part for _, part in activity.groupby(result.obs["cell_type"], observed=True)]
    mean = np.column_stack([part.mean() for part in parts])
    # headings have no colour
    assert values[[0, 2]].mask.all()
    np.testing.assert_allclose(values[[1, 3, 4]], mean, rtol=1e-4)
    p = np.column_stack([stats.ttest_1samp(part, 0).pvalue for part in parts])
    assert (p < 0.05).any() and (p >= 0.05).any()
    rows, columns = np.nonzero(p < 0.05)
    assert marks.get_offsets().tolist() == [[c, [1, 3, 4][r]] for r, c in zip(rows, columns, strict=True)]
    (words,) = ax.figure.axes[1].get_legend().get_texts()
    assert words.get_text() == "95 % interval of\nthe mean (cells)\nexcludes 0"


def test_marks_can_be_seen_on_dark_colours(result):
    result.obsm["X_programs"][:, 0] = np.where(result.obs["cell_type"] == "type 0", 5, 0.5)
    result.obsm["X_programs"][:, 0] += np.random.default_rng(0).normal(0, 0.1, 500)
    marks = cr.pl.matrixplot(result, "cell_type", "Program/0").collections[1]
    # the first is beyond the colours
    assert [tuple(colour) for colour in marks.get_facecolors()] == [to_rgba("white")] * 3
    result.obsm["X_programs"][:, 0] = np.where(result.obs["cell_type"] == "type 0", 2, 1.7)
    result.obsm["X_programs"][result.obs["cell_type"] == "type 1", 0] = 0.3
    marks = cr.pl.matrixplot(result, "cell_type", "Program/0").collections[1]
    assert [tuple(colour) for colour in marks.get_facecolors()] == [to_rgba(c) for c in ("white", "black", "white")]


def test_one_cell_has_no_mark(result):
    result.obs["cell_type"] = np.where(np.arange(500) == 3, "alone", "others")
    result.obsm["X_programs"][:] += 3
    marks = cr.pl.matrixplot(result, "cell_type", PROGRAMS).collections[1]
    assert marks.get_offsets().tolist() == [[1, row] for row in range(3)]
