"""Activities of programs by group, as dots."""

import numpy as np
import pytest
from scipy.stats import norm

import crystallin as cr

PROGRAMS = ["Program/3", "Program/0"]


def test_colour_is_the_mean_and_area_the_share_of_cells_above_0(result):
    ax = cr.pl.dotplot(result, "cell_type", PROGRAMS)
    (dots,) = ax.collections
    activity, sd = (
        cr.get.activity_df(result, PROGRAMS),
        cr.get.activity_df(result, PROGRAMS, sd=True).iloc[:, 1::2].set_axis(PROGRAMS, axis=1),
    )
    groups = result.obs["cell_type"]
    places = dots.get_offsets()
    assert places.tolist() == [[column, row] for row in range(2) for column in range(3)]
    mean = activity.groupby(groups, observed=True).mean()
    np.testing.assert_allclose(dots.get_array(), mean.T.to_numpy().ravel(), rtol=1e-5)
    probability = norm.cdf(activity / sd)
    share = [[(probability[groups == group, i] >= 0.95).mean() for group in mean.index] for i in range(2)]
    sizes = dots.get_sizes()
    assert 0 < np.min(share) < np.max(share)
    np.testing.assert_allclose(sizes / sizes.max(), np.ravel(share) / np.max(share), rtol=1e-5)


def test_legend_and_room(result):
    ax = cr.pl.dotplot(result, "cell_type", PROGRAMS)
    bar = ax.figure.axes[1]
    legend = bar.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["25%", "50%", "75%", "100%"]
    assert legend.get_title().get_text() == "cells above 0\n(probability\nat least 0.95)"
    diameters = np.array([handle.get_markersize() for handle in legend.legend_handles])
    np.testing.assert_allclose(diameters**2 / diameters[-1] ** 2, [0.25, 0.5, 0.75, 1])
    (dots,) = ax.collections
    sd, activity = (
        cr.get.activity_df(result, PROGRAMS, sd=True).iloc[:, 1::2].set_axis(PROGRAMS, axis=1),
        cr.get.activity_df(result, PROGRAMS),
    )
    share = (activity > 1.645 * sd).groupby(result.obs["cell_type"], observed=True).mean().to_numpy().max()
    # the legend speaks of these dots
    assert dots.get_sizes().max() == pytest.approx(share * diameters[-1] ** 2, rel=1e-3)
    extent = ax.get_window_extent()
    assert diameters[-1] < 72 / ax.figure.dpi * min(extent.width / 3, extent.height / 2)
