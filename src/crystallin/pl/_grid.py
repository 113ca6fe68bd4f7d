"""Programs x groups: the common part of dot plot and matrix plot, so that either can replace the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import norm

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import LABELS, sd_of

from ._chosen import Rows, by_similarity, diagonal, distinctive, rows_of
from ._group_means import LEVEL, group_means, labels_of
from ._style import finish, shorten

SORTS = ("category", "similarity")
COLOURS = "RdBu_r"
# inches: between rows and between columns, length and thickness of the colour bar
PITCH, BAR, THICK = 0.22, 1.0, 0.12
# inches: margin of the axes at first, and margin of the whole drawing in the end
AROUND, EDGE = 5, 0.08
# up to this number of groups their names are oblique, beyond they are vertical
MAX_ASLANT = 24
# the colour scale ends at this quantile of the groups, if the largest exceeds it by more than this factor
COLOUR_QUANTILE, BEYOND = 0.9, 1.25
SHARES = (0.25, 0.5, 0.75, 1.0)
# diameter of the largest dot as a share of the pitch, and at most in points, because of the room in the legend
DOT, MAX_DOT = 0.9, 15


def draw_grid(
    adata: AnnData,
    groupby: str | Sequence[str],
    programs: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None,
    shape: Literal["dots", "cells"],
    *,
    n_programs: int,
    sort: str,
    kind: str,
    key: str,
    ax: Axes | None,
    show: bool | None,
) -> Axes:
    """Draw the mean activities of groups, as dots or as cells of a matrix."""
    checks.check_int(n_programs, "n_programs", 1)
    checks.check_choice(sort, "sort", SORTS)
    rows = None if programs is None else rows_of(programs)
    labels, groups = labels_of(adata, groupby, "groupby")
    activity = get.activity_df(adata, None if rows is None else rows.unique, kind=kind, key=key)
    means = group_means(activity, labels, groups)
    shown = distinctive(means.mean.dropna(axis=1), n_programs) if rows is None else rows.unique
    if sort == "similarity":
        # programs whose genes were not measured say nothing
        groups = by_similarity(means.mean[shown].fillna(0))
    if rows is None:
        rows = rows_of(diagonal(means.mean.loc[groups, shown]))
    mean, half = means.mean.loc[groups, rows.names].T, means.half.loc[groups, rows.names].T
    limit, extend = _limit(mean)
    colours = ScalarMappable(Normalize(-limit, limit), COLOURS)
    is_own = ax is None
    ax, bar = _frame(rows, groups, colours, extend, f"mean {LABELS[kind]}", ax)
    if shape == "cells":
        _draw_cells(ax, bar, rows, mean, half)
    else:
        sd = get.activity_df(adata, shown, kind=kind, key=key, sd=True)[[sd_of(name) for name in shown]]
        clear = (activity[shown] > norm.ppf(LEVEL) * sd.to_numpy()).groupby(labels.to_numpy()).mean()
        _draw_dots(ax, bar, rows, mean, clear.loc[groups, rows.names].T)
    if is_own:
        _fit(ax.figure)
    return finish(ax, show)


def _limit(mean: pd.DataFrame) -> tuple[float, str]:
    """Return where the colour scale ends, ignoring single extreme groups, and at which ends values lie beyond it."""
    largest = mean.abs().max().fillna(0)
    limit = top = float(largest.max()) or 1.0
    if len(largest) > 2:
        limit = float(np.quantile(largest, COLOUR_QUANTILE, method="lower"))
        limit = limit if 0 < limit * BEYOND < top else top
    ends = (bool((mean < -limit).any(axis=None)), bool((mean > limit).any(axis=None)))
    return limit, {(False, False): "neither", (True, False): "min", (False, True): "max"}.get(ends, "both")


def _frame(
    rows: Rows, groups: list[str], colours: ScalarMappable, extend: str, reading: str, ax: Axes | None
) -> tuple[Axes, Colorbar]:
    names, columns = [shorten(name) for name in rows.names], [shorten(name) for name in groups]
    if ax is None:
        ax, at = _own_axes(PITCH * len(columns), PITCH * rows.n)
    else:
        at = {"ax": ax, "shrink": min(BAR / _inches(ax)[1], 1), "anchor": (0, 1), "panchor": False}
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(rows.n - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), columns, fontsize=8, rotation=45 if len(columns) <= MAX_ASLANT else 90)
    for label in ax.get_xticklabels():
        label.set(rotation_mode="anchor", ha="right", va="center")
    ax.set_yticks([*rows.places, *rows.headings], [*names, *rows.headings.values()], fontsize=8)
    for label in ax.get_yticklabels()[len(names) :]:
        label.set_fontweight("bold")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(colours, label=reading, extend=extend, aspect=BAR / THICK, **at)
    # scanpy's settings can turn grids on
    ax.grid(False)
    bar.ax.grid(False)
    bar.ax.tick_params(labelsize=8)
    bar.ax.yaxis.label.set_size(8)
    bar.outline.set_visible(False)
    return ax, bar


def _own_axes(width: float, height: float) -> tuple[Axes, dict[str, Axes]]:
    """Return axes of this size, and axes for a colour bar, in a figure that has room for both."""
    size = np.array([width, height]) + 2 * AROUND
    figure = plt.figure(figsize=size, layout="none")
    bar = AROUND + width + THICK, AROUND + height - BAR, THICK, BAR
    places = [np.array(place) / np.tile(size, 2) for place in ((AROUND, AROUND, width, height), bar)]
    return figure.add_axes(places[0]), {"cax": figure.add_axes(places[1])}


def _fit(figure: Figure) -> None:
    """Crop the figure to its content. The axes keep their size, which a layout engine would change."""
    figure.draw_without_rendering()
    box, old = figure.get_tightbbox(), figure.get_size_inches()
    size = box.size + 2 * EDGE
    for ax in figure.axes:
        place = ax.get_position()
        ax.set_position([*(place.min * old - box.min + EDGE) / size, *place.size * old / size])
    figure.set_size_inches(size)


def _inches(ax: Axes) -> np.ndarray:
    return np.array(ax.get_window_extent().size) / ax.figure.dpi


def _draw_cells(ax: Axes, bar: Colorbar, rows: Rows, mean: pd.DataFrame, half: pd.DataFrame) -> None:
    values = np.full((rows.n, mean.shape[1]), np.nan)
    values[rows.places] = mean
    style = {"cmap": bar.cmap, "norm": bar.norm, "edgecolors": "white", "linewidth": 0.5}
    edges = (np.arange(n + 1) - 0.5 for n in reversed(values.shape))
    ax.pcolormesh(*edges, np.ma.masked_invalid(values), **style)
    row, column = np.nonzero((mean.abs() > half).to_numpy())
    dark = np.abs(bar.norm(mean.to_numpy()[row, column]) - 0.5) > 0.35
    ax.scatter(column, rows.places[row], s=4, color=np.where(dark, "white", "black"), linewidth=0)
    mark = Line2D([], [], linestyle="", marker="o", markersize=2, color="black")
    keys = {"95 % interval of\nthe mean (cells)\nexcludes 0": mark} | _mark_unknown(ax, rows, mean)
    _legend(bar, list(keys.values()), list(keys))


def _draw_dots(ax: Axes, bar: Colorbar, rows: Rows, mean: pd.DataFrame, share: pd.DataFrame) -> None:
    keys = {f"{share:.0%}": Line2D([], [], linestyle="", marker="o", color="0.6") for share in SHARES}
    keys |= _mark_unknown(ax, rows, mean)
    _legend(bar, list(keys.values()), list(keys), "cells above 0\n(probability\nat least 0.95)")
    # dots fill the room that is left, which is known only after everything else is placed
    ax.figure.draw_without_rendering()
    pitch = 72 * (_inches(ax) / (mean.shape[1], rows.n)).min()
    largest = min(DOT * pitch, MAX_DOT)
    for handle, share_of in zip(bar.ax.get_legend().legend_handles, SHARES, strict=False):
        handle.set_markersize(largest * share_of**0.5)
    row, column = np.nonzero(mean.notna().to_numpy())
    style = {"cmap": bar.cmap, "norm": bar.norm, "edgecolors": "0.6", "linewidths": 0.4}
    ax.scatter(
        column, rows.places[row], s=largest**2 * share.to_numpy()[row, column], c=mean.to_numpy()[row, column], **style
    )


def _mark_unknown(ax: Axes, rows: Rows, mean: pd.DataFrame) -> dict[str, Line2D]:
    """Mark means that are missing, as those of a mapped query can be, and return the mark by its words."""
    row, column = np.nonzero(mean.isna().to_numpy())
    if not len(row):
        return {}
    style = {"marker": "x", "color": "0.6", "zorder": 3}
    ax.scatter(column, rows.places[row], s=12, linewidths=0.8, **style)
    return {"genes not\nmeasured": Line2D([], [], linestyle="", markersize=4, **style)}


def _legend(bar: Colorbar, handles: list[Line2D], labels: list[str], title: str | None = None) -> None:
    """Draw the legend below the colour bar, in the same column."""
    bar.ax.legend(
        handles,
        labels,
        title=title,
        fontsize=8,
        title_fontsize=8,
        alignment="left",
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(0, -0.15),
        borderaxespad=0,
        borderpad=0,
        labelspacing=0.9,
        handlelength=1.2,
        handletextpad=0.5,
    )
