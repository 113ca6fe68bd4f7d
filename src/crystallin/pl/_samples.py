"""Dots of samples over labels or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from crystallin import _checks as checks

from ._style import UP, shorten, tidy

# the palette of Okabe and Ito without its yellow, which is too light for dots; markers distinguish further labels
PALETTE = (UP, "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "black")
MARKERS = "os^D"
# as shares of the distance between two levels: width of all colours, share of it that the dots of one take, half of
# the width of a mean
SPREAD, INSIDE, MEAN = 0.64, 0.66, 0.42
MAX_LETTERS = 12
# points: size of a sample's name, width of one of its letters, radius of the circle around a dot
NAME_SIZE, LETTER, CIRCLE = 7, 4.1, 6
# where names may be, in widths and heights of the name from the dot
SHIFTS = [np.array([a, b]) for a in (1, -1, 0, 1.6, -1.6) for b in (0, 1, -1, 2, -2, 3.5, -3.5) if a or b]


@dataclass(frozen=True)
class Layout:
    """Horizontal places and colours of units.

    Attributes
    ----------
    places
        ``place``, ``offset`` and ``colour`` (position in ``colours``) of each unit. Units of levels that are not shown
        have no place.
    levels
        Names of the levels; empty if the axis has numbers.
    colours
        Names of the colours; empty if there is one.
    axis_name
        Name of the axis, if it has numbers, as a list of at most one line.
    colour_name
        Name of the columns that colours stand for.
    """

    places: pd.DataFrame
    levels: list[str]
    colours: list[str]
    axis_name: list[str]
    colour_name: str

    @property
    def n_places(self) -> int:
        """Number of places beside each other."""
        return max(len(self.levels), 1) * max(len(self.colours), 1)

    @classmethod
    def of(cls, obs: pd.DataFrame, numeric: list[str], labels: list[str], shown: list[str] | None) -> Layout:
        """Return the layout of units.

        Parameters
        ----------
        obs
            Columns of the units.
        numeric
            Column of numbers that is the axis, if any.
        labels
            Columns of labels; without ``numeric``, the first is the axis. The others have different colours.
        shown
            Levels of the axis to show, in their order; ``None`` shows all.
        """
        levels: list[str] = []
        if numeric:
            place = obs[numeric[0]].to_numpy(dtype=float)
        else:
            of = checks.name_labels(obs[labels[0]])
            levels = of.names if shown is None else shown
            order = {name: i for i, name in enumerate(levels)}
            place = np.array([order.get(name, np.nan) for name in of.of_cells], dtype=float)
            labels = labels[1:]
        colours, code = [], np.zeros(len(obs), dtype=int)
        if labels:
            several = [checks.name_labels(obs[name]) for name in labels]
            words = [", ".join(parts) for parts in zip(*(of.of_cells for of in several), strict=True)]
            codes = list(zip(*(of.codes for of in several), strict=True))
            # in the order of the categories
            colours = [word for _, word in sorted(set(zip(codes, words, strict=True)))]
            code = np.array([colours.index(word) for word in words])
        offset = np.zeros(len(obs))
        if colours and levels:
            offset = SPREAD * ((code + 0.5) / len(colours) - 0.5)
        places = pd.DataFrame({"place": place, "offset": offset, "colour": code}, index=obs.index)
        return cls(places, levels, colours, numeric, ", ".join(labels))


def draw_samples(ax: Axes, samples: pd.DataFrame, layout: Layout, influential: str | None) -> pd.DataFrame:
    """Draw the units of one panel; return ``x``, ``mean``, ``se`` and ``sample`` of each.

    Parameters
    ----------
    ax
        Axes to draw on.
    samples
        ``mean``, ``se``, ``sample``, ``place``, ``offset`` and ``colour`` of units.
    layout
        Layout of units.
    influential
        Name of a sample to mark.
    """
    x = _across(samples, layout)
    for name, part in samples.assign(x=x).groupby("sample", sort=True):
        part = part.sort_values("x")
        is_marked = name == influential
        style = {"color": "black" if is_marked else "0.75", "linewidth": 1.1 if is_marked else 0.7}
        ax.plot(part["x"], part["mean"], zorder=1, **style)
    ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    for code, part in samples.groupby("colour"):
        where, colour = x[samples.index.get_indexer(part.index)], PALETTE[code % len(PALETTE)]
        ax.errorbar(where, part["mean"], part["se"], linestyle="", color=colour, elinewidth=0.8, alpha=0.8, zorder=2)
        marker = MARKERS[code // len(PALETTE) % len(MARKERS)]
        ax.scatter(where, part["mean"], s=26, color=colour, marker=marker, edgecolors="white", linewidths=0.5, zorder=3)
    if layout.levels:
        _draw_levels(ax, samples, layout)
    ax.tick_params(labelsize=8)
    # scanpy's settings can turn it on
    ax.grid(False)
    tidy(ax)
    if layout.colours:
        _draw_legend(ax, layout)
    return samples.assign(x=x)


def _across(samples: pd.DataFrame, layout: Layout) -> np.ndarray:
    """Return horizontal places; dots of a level lie beside each other, those of a sample at the same distance."""
    x = (samples["place"] + samples["offset"]).to_numpy()
    if not layout.levels:
        return x
    # among the samples with this colour, as those of two arms differ
    rank = samples.groupby("colour")["sample"].transform(lambda names: pd.factorize(names, sort=True)[0])
    n = samples.groupby("colour")["sample"].transform("nunique")
    width = INSIDE * SPREAD / max(len(layout.colours), 1)
    return x + width * ((rank + 0.5) / n - 0.5).to_numpy()


def _draw_levels(ax: Axes, samples: pd.DataFrame, layout: Layout) -> None:
    """Name the levels and draw the mean of each."""
    half = MEAN * SPREAD / max(len(layout.colours), 1)
    for (place, offset), part in samples.groupby(["place", "offset"]):
        ax.hlines(
            part["mean"].mean(), place + offset - half, place + offset + half, color="black", linewidth=1.4, zorder=4
        )
    names = [shorten(name, 24) for name in layout.levels]
    ax.set_xticks(range(len(names)), names)
    if max(map(len, names)) > MAX_LETTERS or len(names) > 5:
        for label in ax.get_xticklabels():
            label.set(rotation=35, ha="right", rotation_mode="anchor")
    ax.set_xlim(-0.6, len(names) - 0.4)


def _draw_legend(ax: Axes, layout: Layout) -> None:
    """Name the colours beside the panel."""
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS[i // len(PALETTE) % len(MARKERS)], color=PALETTE[i % len(PALETTE)])
        for i in range(len(layout.colours))
    ]
    ax.legend(
        handles,
        [shorten(name, 24) for name in layout.colours],
        title=layout.colour_name,
        fontsize=7,
        title_fontsize=7,
        markerscale=0.8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        borderaxespad=0,
        handletextpad=0.2,
    )


def keys_of_samples(samples: pd.DataFrame, layout: Layout, sample_key: str, *, circle: bool) -> dict[str, Any]:
    """Return the keys of the marks that are the same in all panels, by their words; ``circle`` if one is named."""
    colour = "0.3" if layout.colours else PALETTE[0]
    dot = Line2D([], [], linestyle="", marker="o", color=colour, markersize=5, markeredgecolor="white")
    bar = Line2D([], [], linestyle="", marker="|", color=colour, markersize=12, markeredgewidth=0.8)
    keys: dict[str, Any] = {f"{sample_key}, with the standard error from its cells": (bar, dot)}
    if samples["sample"].duplicated().any():
        keys[f"the same {sample_key}"] = Line2D([], [], color="0.75", linewidth=0.9)
    if layout.levels:
        keys["mean of the dots"] = Line2D([], [], color="black", linewidth=1.4)
    if circle:
        style = {"markersize": 7, "markerfacecolor": "none", "color": "black"}
        keys[f"the {sample_key} without which it changes most"] = Line2D([], [], linestyle="", marker="o", **style)
    return keys


def name_sample(ax: Axes, samples: pd.DataFrame, name: str | None) -> None:
    """Circle the dots of a sample and write its name beside one of them, where it covers the least.

    The axes must have everything else, because the places depend on their size.
    """
    own = samples[samples["sample"] == name]
    if own.empty:
        return
    ax.scatter(own["x"], own["mean"], s=60, facecolors="none", edgecolors="black", zorder=5)
    ax.figure.draw_without_rendering()
    word = shorten(str(name), 20)
    dot, shift, is_far = _clear_place(ax, samples, own[["x", "mean"]].to_numpy(), len(word))
    style = {"ha": "center", "va": "center", "fontsize": NAME_SIZE, "zorder": 6}
    line = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": CIRCLE - 1} if is_far else None
    ax.annotate(word, tuple(dot), tuple(shift), textcoords="offset points", arrowprops=line, **style)


def _clear_place(
    ax: Axes, samples: pd.DataFrame, dots: np.ndarray, n_letters: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return a dot, the shift of its name in points, and whether that needs a line; the name covers the least there."""
    scale = 72 / ax.figure.dpi
    half = np.array([LETTER * n_letters, NAME_SIZE]) / 2
    low, high = np.array(ax.get_window_extent().extents).reshape(2, 2) * scale
    taken = ax.transData.transform(_covered(samples)) * scale
    costs = {}
    for i, at in enumerate(ax.transData.transform(dots) * scale):
        for k, shift in enumerate(SHIFTS):
            middle = at + shift * (half + CIRCLE)
            n_covered = (np.abs(taken - middle) < half + 1).all(axis=1).sum()
            outside = (middle - half < low).any() or (middle + half > high).any()
            costs[i, k] = n_covered + 1000 * outside + np.abs(shift).sum() / 10
    i, k = min(costs, key=costs.get)
    return dots[i], SHIFTS[k] * (half + CIRCLE), bool(np.abs(SHIFTS[k]).max() > 1)


def _covered(samples: pd.DataFrame) -> np.ndarray:
    """Return points on dots, their bars and the lines between them."""
    x, mean, se = (samples[name].to_numpy() for name in ("x", "mean", "se"))
    steps = np.linspace(-1, 1, 7)
    points = [np.column_stack([np.tile(x, len(steps)), (mean + steps[:, None] * np.nan_to_num(se)).ravel()])]
    for _, part in samples.groupby("sample"):
        line = part.sort_values("x")[["x", "mean"]].to_numpy()
        points += [line[:-1] + share * np.diff(line, axis=0) for share in np.linspace(0, 1, 40)]
    for _, part in samples.groupby(["place", "offset"]):
        points.append(
            np.column_stack([np.linspace(part["x"].min(), part["x"].max(), 20), np.full(20, part["mean"].mean())])
        )
    return np.concatenate(points)
