"""The verdict on each group of a mapped query: distances with their limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from crystallin._keys import FEW, LIKE, NEW, SHIFTED

from ._style import DOWN, legend_below, shorten, tidy, wrap

# in the order from the top
COLOURS = {NEW: DOWN, SHIFTED: "#E69F00", LIKE: "0.35", FEW: "0.8"}
# inches: height of a row, width of the bars, of a letter, and of the columns at the right
ROW, BARS, LETTER, RIGHT = 0.3, 2.5, 0.068, 1.7
# share of a row that a bar takes; letters of a name, and of a line of the title
BAR, NAME, TITLE = 0.62, 26, 44
# a space at which lines are not broken
SPACE = "\N{NO-BREAK SPACE}"
# points: width of a digit, distance between the columns at the right, height of their heads, depth of the legend below
# the axes
DIGIT, GAP, HEAD, LEGEND_DEPTH = 4.8, 10, 12, 32


def size_of(table: pd.DataFrame) -> tuple[float, float]:
    """Return the width of the panel and the height of its rows, in inches."""
    longest = max((len(name) for name in _names(_ordered(table))), default=0)
    return BARS + LETTER * longest + RIGHT, ROW * max(len(table), 1)


def draw_verdicts(ax: Axes, table: pd.DataFrame, colours: Mapping[str, Any]) -> None:
    """Draw the distance of each group from its label against the limits, with number of cells and verdict.

    Parameters
    ----------
    ax
        Axes to draw on.
    table
        Verdicts, from :func:`crystallin.get.map_df`.
    colours
        Colour of each label, which marks the groups that are nearest to it.
    """
    rows = _ordered(table)
    place = np.arange(len(rows))
    verdict = rows["verdict"].astype(str)
    ax.barh(place, rows["distance"], height=BAR, color=[COLOURS[name] for name in verdict], zorder=2)
    key = {"marker": "D", "linestyle": "", "color": "black", "markerfacecolor": "white", "markersize": 5}
    handles = {"without what most groups have in common": Line2D([], [], **key)}
    # the distance of a few cells is uncertain, and would make those of the others small
    counted = rows.loc[verdict != FEW] if (verdict != FEW).any() else rows
    largest = float(np.nanmax(counted[["distance", "own_distance"]].to_numpy(dtype=float), initial=0))
    lines = {
        "limit": ("--", "limit: of groups in new samples, 95 % are nearer"),
        "far": ("-", "as far as another label would be"),
    }
    for name, (style, words) in lines.items():
        # the same in all rows; without samples there is no limit
        value = float(rows[name].iloc[0]) if len(rows) else np.nan
        if np.isfinite(value):
            ax.axvline(value, color="black", linewidth=1.1, linestyle=style, zorder=3)
            handles[words] = Line2D([], [], color="black", linewidth=1.1, linestyle=style)
            largest = max(largest, value)
    end = 1.06 * largest or 1
    ax.set_xlim(0, end)
    inside = (rows["own_distance"] <= end).to_numpy()
    diamond = {"facecolors": "white", "edgecolors": "black", "linewidths": 1, "clip_on": False}
    ax.scatter(rows["own_distance"][inside], place[inside], marker="D", s=26, zorder=4, **diamond)
    _name_rows(ax, rows, colours)
    ax.set_title(_summary(verdict), fontsize=10, loc="left", pad=HEAD + 8)
    ax.set_xlabel("distance from the label (sd of its cells)", fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    # scanpy's settings can turn it on
    ax.grid(False)
    tidy(ax)
    legend_below(ax, handles, LEGEND_DEPTH, fontsize=7.5, handlelength=2.2)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Return the groups by verdict, and by distance within it, from the top."""
    rank = table["verdict"].astype(str).map({name: i for i, name in enumerate(COLOURS)})
    order = table.assign(rank=rank).sort_values(["rank", "distance"], ascending=[True, False], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _names(rows: pd.DataFrame) -> list[str]:
    """Return the names of groups, with those of their labels where these differ."""
    pairs = zip(rows["group"].astype(str), rows["label"].astype(str), strict=True)
    return [shorten(g, NAME) if g == label else f"{shorten(g, NAME)} → {shorten(label, NAME)}" for g, label in pairs]


def _summary(verdict: pd.Series) -> str:
    """Return the numbers of groups by verdict, such as ``"groups: 1 new, 8 like the reference"``."""
    sizes = verdict.value_counts()
    # lines break between verdicts only
    parts = [f"{sizes[name]:,} {name}".replace(" ", SPACE) for name in COLOURS if name in sizes]
    return wrap(f"groups: {', '.join(parts)}", TITLE).replace(SPACE, " ")


def _name_rows(ax: Axes, rows: pd.DataFrame, colours: Mapping[str, Any]) -> None:
    """Write the names of groups on the left, and numbers of cells and verdicts on the right."""
    names, place = _names(rows), np.arange(len(rows))
    ax.set_yticks(place, names, fontsize=8)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    # room for the dots
    ax.tick_params(axis="y", length=0, pad=16)
    beside = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    longest = max((len(f"{n:,}") for n in rows["n_cells"].astype(int)), default=0)
    numbers = GAP + DIGIT * max(longest, len("cells"))
    words = numbers + GAP
    for at, (_, row) in zip(place, rows.iterrows(), strict=True):
        style = {"va": "center", "fontsize": 8, **beside}
        dot = {"ha": "center", "fontsize": 11, "color": colours.get(str(row["label"]), "0.5")}
        ax.annotate("●", (0, at), (-9, -0.5), **(style | dot))
        ax.annotate(f"{int(row['n_cells']):,}", (1, at), (numbers, 0), ha="right", color="0.25", **style)
        verdict = str(row["verdict"])
        colour = {SHIFTED: "#A36F00", FEW: "0.45"}.get(verdict, COLOURS[verdict])
        weight = "bold" if verdict in ("new", "shifted") else "normal"
        ax.annotate(verdict, (1, at), (words, 0), ha="left", color=colour, fontweight=weight, **style)
    head = {"va": "bottom", "fontsize": 7.5, "color": "0.35", **beside}
    ax.annotate("cells", (1, -0.6), (numbers, 2), ha="right", **head)
    ax.annotate("verdict", (1, -0.6), (words, 2), ha="left", **head)
    if any("→" in name for name in names):
        ax.annotate("group → nearest label", (0, -0.6), (-14, 2), ha="right", **head)
