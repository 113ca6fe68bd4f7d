"""Distributions of cells by group: densities, or single cells where these are few, with means and intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.ndimage import gaussian_filter1d

from ._group_means import group_means
from ._style import DOWN, MUTED, UP

# groups of fewer cells are drawn as single cells instead of a distribution
MIN_CELLS = 10
# number of bins of the axis for the densities
N_BINS = 400


class Look(NamedTuple):
    """How the cells of one side are drawn; distances are shares of a row, and those above its line are negative."""

    fill: str
    colour: str
    height: float
    mean: float
    samples: float


WHOLE = Look("#c9d9e6", UP, -0.72, 0.0, 0.14)
HALVES = (Look("#c9d9e6", UP, -0.42, -0.1, -0.24), Look("#f5d3bd", DOWN, 0.42, 0.1, 0.24))


class Cells(NamedTuple):
    """Groups of cells, the side of each, and its sample; a figure that is not split has one side without a name."""

    labels: pd.Series
    sides: pd.Series
    names: list[str]
    samples: pd.Series | None

    @property
    def looks(self) -> dict[str, Look]:
        """How each side is drawn."""
        return dict(zip(self.names, HALVES if len(self.names) > 1 else (WHOLE,), strict=True))


def draw_densities(ax: Axes, activity: pd.Series, cells: Cells, groups: list[str]) -> None:
    """Draw the groups from the top, the sides of each above and below its line."""
    room = 0.03 * (np.ptp(activity) or 1.0)
    edges = np.linspace(activity.min() - room, activity.max() + room, N_BINS + 1)
    ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    for place in range(len(groups)):
        ax.axhline(place, color="0.85", linewidth=0.6, zorder=1)
    for side, look in cells.looks.items():
        here = (cells.sides == side).to_numpy()
        by_group = activity[here].groupby(cells.labels[here].to_numpy())
        found = {name: part.to_numpy() for name, part in by_group}
        for place, name in enumerate(groups):
            if name in found:
                _draw_one(ax, found[name], place, edges, look)
    for side, look in cells.looks.items():
        _draw_means(ax, activity, cells, groups, side, look)
    ax.set_xlim(edges[0], edges[-1])


def legend_of(cells: Cells, sample_key: str | None) -> dict[str, Any]:
    """Return the handle of each mark, by its words."""
    keys: dict[str, Any] = {}
    for side, look in cells.looks.items():
        label = side if side else "density of the cells"
        keys[label] = Patch(facecolor=look.fill, edgecolor="0.45", linewidth=0.6)
    is_split = len(cells.names) > 1
    colour = "0.25" if is_split else UP
    over = "cells" if sample_key is None else f"samples ({sample_key})"
    keys[f"mean with 95 % interval over {over}"] = Line2D([], [], color=colour, linewidth=2.5, marker="o", markersize=4)
    if sample_key is not None:
        small = {"marker": "o", "linestyle": "", "markersize": 3, "markeredgewidth": 0}
        keys["mean of one sample"] = Line2D([], [], color=colour if is_split else MUTED, **small)
    sizes = cells.labels.groupby([cells.labels.to_numpy(), cells.sides.to_numpy()]).size()
    if (sizes < MIN_CELLS).any():
        tick = {"marker": "|", "linestyle": "", "markersize": 7, "color": MUTED}
        keys[f"one cell (groups of fewer than {MIN_CELLS})"] = Line2D([], [], **tick)
    return keys


def _draw_one(ax: Axes, values: np.ndarray, place: int, edges: np.ndarray, look: Look) -> None:
    """Draw the density of a group's cells, scaled to the same height in all groups."""
    if len(values) < MIN_CELLS:
        ends = sorted([place, place + look.height / 3])
        ax.vlines(values, *ends, color=MUTED if look is WHOLE else look.colour, linewidth=0.8, zorder=2)
        return
    middle = (edges[1:] + edges[:-1]) / 2
    # do not extend the density beyond the cells
    there = (middle >= values.min()) & (middle <= values.max())
    density = _density(values, edges)[there]
    top = place + look.height * density / density.max()
    ax.fill_between(middle[there], place, top, facecolor=look.fill, linewidth=0, zorder=2)
    ax.plot(middle[there], top, color="0.45", linewidth=0.6, zorder=2)


def _draw_means(ax: Axes, activity: pd.Series, cells: Cells, groups: list[str], side: str, look: Look) -> None:
    """Draw the mean of each group with its interval, and means of samples."""
    here = (cells.sides == side).to_numpy()
    units, of_unit = activity[here].to_frame(), pd.Index(cells.labels[here])
    if cells.samples is not None:
        units = units.groupby([of_unit.to_numpy(), cells.samples[here].to_numpy()]).mean()
        of_unit = units.index.get_level_values(0)
    there = [name for name in groups if name in set(of_unit)]
    place = pd.Series(range(len(groups)), index=groups)
    means = group_means(units, of_unit, there)
    mean, half = means.mean.iloc[:, 0], means.half.iloc[:, 0].fillna(0)
    at = place[there] + look.mean
    if cells.samples is not None:
        style = {"color": MUTED} if look is WHOLE else {"color": look.colour, "alpha": 0.6}
        ax.scatter(units.iloc[:, 0], place[of_unit] + look.samples, s=9, linewidth=0, zorder=3, **style)
    ax.hlines(at, mean - half, mean + half, color=look.colour, linewidth=2.5, zorder=3)
    ax.scatter(mean, at, s=18, color=look.colour, zorder=4)


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Compute a Gaussian kernel density with Scott's bandwidth from narrow bins, which is fast for many cells."""
    bandwidth = values.std(ddof=1) * len(values) ** -0.2 / (edges[1] - edges[0])
    counts = np.histogram(values, edges)[0].astype(float)
    # if all cells have the same value, the density is a spike and not an error
    return gaussian_filter1d(counts, max(bandwidth, 1), mode="constant")
