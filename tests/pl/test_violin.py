"""Distribution of one program's activity in each group."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy import stats

import crystallin as cr
from crystallin.pl._densities import N_BINS, _density
from crystallin.pl._style import DOWN, UP

PROGRAM = "Program/2"


def words(labels):
    return [label.get_text() for label in labels]


def parts(adata, key="cell_type"):
    activity = cr.get.activity_df(adata, PROGRAM)[PROGRAM].astype(float)
    return dict(list(activity.groupby(adata.obs[key], observed=True)))


def means_and_intervals(ax):
    """Dots and ends of lines, from the top."""
    lines, dots = ax.collections[-2:]
    return dots.get_offsets()[:, 0], np.array([segment[:, 0] for segment in lines.get_segments()])


def test_cells(result):
    obs = result.obs.copy()
    ax = cr.pl.violin(result, PROGRAM, "cell_type")
    assert words(ax.get_yticklabels()) == ["type 0", "type 1", "type 2"] and ax.yaxis_inverted()
    assert ax.get_title(loc="left") == PROGRAM
    assert ax.get_xlabel() == "activity"
    assert words(ax.figure.legends[0].get_texts()) == ["density of the cells", "mean with 95 % interval over cells"]
    mean, ends = means_and_intervals(ax)
    curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
    for i, part in enumerate(parts(result).values()):
        assert mean[i] == pytest.approx(part.mean(), abs=1e-5)
        np.testing.assert_allclose(ends[i], stats.t.interval(0.95, len(part) - 1, mean[i], stats.sem(part)), rtol=1e-3)
        x, y = curves[i].get_data()
        # above the group's line, as high as the others, and not beyond its cells
        assert y.max() <= i and y.min() == pytest.approx(i - 0.72)
        assert part.min() <= x[0] and x[-1] <= part.max()
    assert result.obs.equals(obs)


def test_sort_by_mean(result):
    mean = {name: part.mean() for name, part in parts(result).items()}
    order = sorted(mean, key=mean.get, reverse=True)
    assert order != sorted(mean)
    ax = cr.pl.violin(result, PROGRAM, "cell_type", sort="mean")
    assert words(ax.get_yticklabels()) == order
    np.testing.assert_allclose(means_and_intervals(ax)[0], [mean[name] for name in order], atol=1e-5)


def test_samples_are_the_units(result):
    rng = np.random.default_rng(0)
    result.obs["donor"] = rng.choice(["d1", "d2", "d3", "d4"], 500, p=[0.7, 0.1, 0.1, 0.1])
    result.obs.loc[result.obs["cell_type"] == "type 1", "donor"] = "d1"
    ax = cr.pl.violin(result, PROGRAM, "cell_type", sample_key="donor", sort="mean")
    order = words(ax.get_yticklabels())
    activity = cr.get.activity_df(result, PROGRAM)[PROGRAM].astype(float)
    sample = activity.groupby([result.obs["cell_type"], result.obs["donor"]], observed=True).mean()
    small = ax.collections[-3].get_offsets()
    assert len(small) == len(sample) == 9
    mean, ends = means_and_intervals(ax)
    assert (np.diff(mean) < 0).all()
    for i, name in enumerate(order):
        own = sample[name]
        found = small[np.round(small[:, 1]) == i, 0]
        np.testing.assert_allclose(np.sort(found), np.sort(own), atol=1e-5)
        assert mean[i] == pytest.approx(own.mean(), abs=1e-5)
        half = stats.t.ppf(0.975, len(own) - 1) * stats.sem(own) if len(own) > 1 else 0
        np.testing.assert_allclose(ends[i], [own.mean() - half, own.mean() + half], atol=1e-4)
    explained = words(ax.figure.legends[0].get_texts())
    assert explained[1:] == ["mean with 95 % interval over samples (donor)", "mean of one sample"]


def test_halves_of_two_conditions(result):
    result.obs["when"] = np.where(np.arange(500) % 3, "after", "before")
    ax = cr.pl.violin(result, PROGRAM, "cell_type", split="when")
    activity = cr.get.activity_df(result, PROGRAM)[PROGRAM].astype(float)
    mean = activity.groupby([result.obs["when"], result.obs["cell_type"]], observed=True).mean()
    lines, dots = ax.collections[-4::2], ax.collections[-3::2]
    for side, part in zip(("after", "before"), dots, strict=True):
        np.testing.assert_allclose(part.get_offsets()[:, 0], mean[side], atol=1e-5)
    colours = [tuple(part.get_colors()[0]) for part in lines]
    assert colours == [to_rgba(UP), to_rgba(DOWN)]
    # one above the line of its group, the other below
    curves = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) > 2]
    assert len(curves) == 6 and all(curve.max() <= i for i, curve in enumerate(curves[:3]))
    assert all(curve.min() >= i for i, curve in enumerate(curves[3:]))
    assert words(ax.figure.legends[0].get_texts())[:2] == ["after", "before"]
    # a group without cells on one side
    result.obs.loc[result.obs["cell_type"] == "type 1", "when"] = "after"
    counts = [
        len(part.get_offsets()) for part in cr.pl.violin(result, PROGRAM, "cell_type", split="when").collections[-3::2]
    ]
    assert counts == [3, 2]
    with pytest.raises(
        ValueError, match=r"split='cell_type' must have two groups.*but has 3.*groupby=\['batch', 'cell"
    ):
        cr.pl.violin(result, PROGRAM, "batch", split="cell_type")


def test_several_programs_share_groups(result):
    names = ["Program/2", "Program/0", "Program/5"]
    axes = cr.pl.violin(result, names, "cell_type", sort="mean", n_cols=2)
    assert [ax.get_title(loc="left") for ax in axes] == names
    activity = cr.get.activity_df(result, names).astype(float).groupby(result.obs["cell_type"], observed=True).mean()
    order = list(activity[PROGRAM].sort_values(ascending=False).index)
    assert words(axes[0].get_yticklabels()) == order
    for ax, name in zip(axes, names, strict=True):
        np.testing.assert_allclose(means_and_intervals(ax)[0], activity.loc[order, name], atol=1e-5)
    with pytest.raises(ValueError, match="ax has room for one program, but 3 were given"):
        cr.pl.violin(result, names, "cell_type", ax=axes[0])
    assert len(cr.pl.violin(result, [PROGRAM], "cell_type").collections)


def test_combinations_of_columns(result):
    ax = cr.pl.violin(result, PROGRAM, ["cell_type", "batch"])
    assert words(ax.get_yticklabels()) == [f"type {i}, {batch}" for i in range(3) for batch in ("one", "two")]
    activity = cr.get.activity_df(result, PROGRAM)[PROGRAM].astype(float)
    mean = activity.groupby([result.obs["cell_type"], result.obs["batch"]], observed=True).mean()
    np.testing.assert_allclose(means_and_intervals(ax)[0], mean, atol=1e-5)


def test_few_cells_are_drawn_themselves(result):
    result.obs["cell_type"] = np.where(np.arange(500) == 3, "alone", np.where(np.arange(500) < 10, "nine", "others"))
    ax = cr.pl.violin(result, PROGRAM, "cell_type")
    assert len([line for line in ax.lines if len(line.get_xdata()) > 2]) == 1
    ticks = [[segment[0, 0] for segment in lines.get_segments()] for lines in ax.collections[:2]]
    activity = cr.get.activity_df(result, PROGRAM)[PROGRAM].to_numpy()
    np.testing.assert_allclose(ticks[0], activity[[3]])
    np.testing.assert_allclose(ticks[1], activity[[0, 1, 2, 4, 5, 6, 7, 8, 9]])
    assert words(ax.figure.legends[0].get_texts())[-1] == "one cell (groups of fewer than 10)"
    # no interval of a single cell
    assert np.ptp(means_and_intervals(ax)[1][0]) == 0


def test_density_is_that_of_a_gaussian_kernel():
    values = np.random.default_rng(0).normal(size=300)
    edges = np.linspace(-5, 5, N_BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    expected = stats.gaussian_kde(values)(middle)
    np.testing.assert_allclose(_density(values, edges) / 300 * N_BINS / 10, expected, atol=0.005)
    # cells that are all alike are a spike
    assert middle[_density(np.full(50, 0.51), edges).argmax()] == pytest.approx(0.51, abs=0.02)


def test_place_and_many_groups(result):
    _, ax = plt.subplots()
    assert cr.pl.violin(result, PROGRAM, "batch", ax=ax) is ax and ax.get_legend() is not None
    result.obs["many"] = [f"a name of a group that is forty letters {i % 60:02}"[-40:] for i in range(500)]
    ax = cr.pl.violin(result, PROGRAM, "many")
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert len(boxes) == 60 and all(box.x0 >= 0 for box in boxes)
    assert all(above.y0 >= below.y1 for above, below in zip(boxes[:-1], boxes[1:], strict=True))


def test_bad_input(result):
    with pytest.raises(KeyError, match="'nothing' is not one of the 16 programs"):
        cr.pl.violin(result, "nothing", "cell_type")
    with pytest.raises(KeyError, match="groupby='nothing' is not a column"):
        cr.pl.violin(result, PROGRAM, "nothing")
    with pytest.raises(ValueError, match="groupby='age' holds numbers"):
        cr.pl.violin(result, PROGRAM, "age")
    with pytest.raises(KeyError, match="sample_key='donor' is not a column"):
        cr.pl.violin(result, PROGRAM, "cell_type", sample_key="donor")
    with pytest.raises(ValueError, match="sort='similarity' is not one of 'category', 'mean'"):
        cr.pl.violin(result, PROGRAM, "cell_type", sort="similarity")
    del result.obsm["X_programs"]
    with pytest.raises(KeyError, match="no activities under 'X_programs'"):
        cr.pl.violin(result, PROGRAM, "cell_type")
