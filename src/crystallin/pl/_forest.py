"""One program in all comparisons: differences with their intervals, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from crystallin import _checks as checks
from crystallin._keys import COMPARE

from ._chosen import only_one
from ._ranking import Decided, comparisons, decided, difference_of, q_words
from ._reading import titled
from ._style import MUTED, UP, finish, legend_below, shorten, tidy, wrap

# inches: height of a row, space above and below the rows, width of the axes and the q values, width of a letter
ROW, FRAME, WIDTH, LETTER = 0.3, 2.0, 4.6, 0.07
# as shares of a row: depth of the range without single donors, half of the height of the marks
BELOW, TICK = 0.24, 0.13
RANGE, DETECTABLE = "#E69F00", "0.72"
# points: depth of the legend below the axes
LEGEND_DEPTH = 30


def forest(
    adata: AnnData,
    program: str,
    *,
    contrast: str | Sequence[str] | None = None,
    group: str | Sequence[str] | None = None,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    q_max: float | None = None,
    key: str = COMPARE,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the effect of one program with its 95 % interval in each stratum.

    The horizontal axis is the difference in prior standard deviations, the column ``effect``. A filled dot is called
    (``call``). Open dots are not called, and grey ones have a ``q`` above .05 or were not tested there. Results of
    :func:`crystallin.tl.compare` have two more marks. The yellow line below an interval is the range of the effect when
    each donor in turn is left out. If it includes 0, the effect depends on a single donor. Light marks on both sides of
    0, drawn where ``q`` is above .05, are the smallest effects that the comparison would have found (with a ``q`` of at
    most .05) with a probability of .8. If they are far from 0, the result does not exclude an effect.

    Parameters
    ----------
    adata
        Data with results of :func:`crystallin.tl.compare` or :func:`crystallin.tl.rank_programs_groups`.
    program
        Name of the program.
    contrast, group, stratum
        Comparisons to show; ``None`` shows all. ``contrast`` is for results of :func:`crystallin.tl.compare`, ``group``
        for those of :func:`crystallin.tl.rank_programs_groups`.
    kind
        Reading of the program: ``"unique"`` shows what it explains beside all others, ``"total"`` what the genes of
        its set do, whichever programs explain it.
    q_max
        ``None`` fills the dots of differences that are called. A number fills those with a ``q`` up to it instead.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read. With
        ``group``, the default is ``"rank_programs_groups"``.
    ax
        Axes to draw on; ``None`` makes a new figure.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes.

    Raises
    ------
    KeyError
        If there are no results, or no program of that name.
    ValueError
        If a contrast, group or stratum is not among them.

    Examples
    --------
    >>> cr.pl.forest(adata, "Type I interferon response")  # doctest: +SKIP
    >>> cr.pl.forest(adata, "Type I interferon response", group="stim")  # doctest: +SKIP
    """
    program = only_one(program)
    tool, key = checks.check_comparison(adata, key, group, contrast, COMPARE)
    parts = comparisons(adata, group, stratum, "all", key, kind, contrast=contrast, tool=tool)
    table = pd.concat(parts.values())
    checks.check_program_names(program, list(table["program"].unique()), "program")
    rows = table[table["program"] == program].reset_index(drop=True)
    decision = decided(rows, q_max)
    title, labels, headings = _layout(rows)
    if ax is None:
        longest = max(len(name) for name in [*labels.values(), *headings.values()])
        size = (WIDTH + LETTER * longest, FRAME + ROW * (len(labels) + len(headings)))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    places = np.array(list(labels), dtype=float)
    keys = _draw_dots(ax, rows, places, decision)
    keys |= _draw_marks(ax, rows, places, decision.called | decision.weak)
    _name_rows(ax, labels, headings, rows["q"])
    ax.set_xlabel(f"{difference_of(kind)}, with 95 % interval", fontsize=8)
    ax.set_title("\n".join([wrap(titled(program, kind), 40), *title]), fontsize=10, loc="left")
    legend_below(ax, keys, LEGEND_DEPTH, at=0.5, fontsize=7, handlelength=2.2)
    return finish(ax, show)


def _layout(rows: pd.DataFrame) -> tuple[list[str], dict[int, str], dict[int, str]]:
    """Return lines of the title, names of rows and headings of sections by their positions from the top.

    What is the same in all rows is in the title.
    """
    if "contrast" in rows:
        what = rows["contrast"].astype(str)
    else:
        what = rows["group"].astype(str) + " against " + rows["reference"].astype(str)
    stratum = rows["stratum"].astype(str)
    if what.nunique() == 1:
        several = stratum.nunique() > 1
        title = what.iloc[0] if several or not stratum.iloc[0] else f"{stratum.iloc[0]}: {what.iloc[0]}"
        return [title], dict(enumerate(map(shorten, stratum))) if several else {0: ""}, {}
    if stratum.nunique() == 1:
        return [stratum.iloc[0]] if stratum.iloc[0] else [], dict(enumerate(map(shorten, what))), {}
    # names stay in the order of the rows, but sections lie below each other
    place, headings, at = np.empty(len(rows), dtype=int), {}, 0
    for name in what.unique():
        headings[at] = shorten(name)
        inside = np.flatnonzero(what == name)
        place[inside] = at + 1 + np.arange(len(inside))
        at += 1 + len(inside)
    return [], {int(where): shorten(name) for where, name in zip(place, stratum, strict=True)}, headings


def _draw_marks(ax: Axes, rows: pd.DataFrame, places: np.ndarray, is_found: np.ndarray) -> dict[str, Any]:
    """Draw the ranges without single donors and the smallest detectable effects; return their keys by their words."""
    keys: dict[str, Any] = {}
    ax.axvline(0, color="black", linewidth=0.8, zorder=0)
    tested = rows["q"].notna().to_numpy()
    if "detectable" in rows:
        size = rows["detectable"].to_numpy(dtype=float)
        there = tested & ~is_found & np.isfinite(size)
        if there.any():
            low, high = places[there] - 2 * TICK, places[there] + 2 * TICK
            for sign in (-1, 1):
                ax.vlines(sign * size[there], low, high, color=DETECTABLE, linewidth=2.2, zorder=1)
            style = {"color": DETECTABLE, "marker": "|", "markersize": 9, "markeredgewidth": 2.2, "linestyle": ""}
            keys["would have been found (probability .8)"] = Line2D([], [], **style)
    if "effect_min" in rows and rows["effect_min"].notna().any():
        low, high = (rows[name].to_numpy(dtype=float) for name in ("effect_min", "effect_max"))
        below = places + BELOW
        ax.hlines(below, low, high, color=RANGE, linewidth=1.2, zorder=2)
        for end in (low, high):
            ax.vlines(end, below - TICK / 2, below + TICK / 2, color=RANGE, linewidth=1.2, zorder=2)
        style = {"color": RANGE, "marker": "|", "markersize": 4, "linewidth": 1.2}
        keys["range when each donor in turn is left out"] = Line2D([], [], **style)
    return keys


def _draw_dots(ax: Axes, rows: pd.DataFrame, places: np.ndarray, decision: Decided) -> dict[str, Any]:
    """Draw effects with their intervals; return the keys of the dots that occur, by their words."""
    coloured = decision.called | decision.weak
    colour = np.where(coloured, UP, MUTED)
    inside = np.where(decision.called, colour, "white")
    ax.hlines(places, rows["lower"], rows["upper"], color=colour, linewidth=1.6, zorder=3)
    ax.scatter(rows["effect"], places, c=inside, edgecolors=colour, linewidths=1.3, s=30, zorder=4)
    called, weak, others = decision.words
    kinds = {
        called: (decision.called, UP, UP),
        weak: (decision.weak, UP, "white"),
        f"{others}, or not tested": (~coloured, MUTED, "white"),
    }
    return {
        words: Line2D([], [], color=edge, marker="o", markerfacecolor=fill, markersize=5.5, linewidth=1.6)
        for words, (where, edge, fill) in kinds.items()
        if where.any()
    }


def _name_rows(ax: Axes, labels: dict[int, str], headings: dict[int, str], q: pd.Series) -> None:
    """Write the names of rows and sections on the left, and the q values on the right."""
    ax.set_yticks([*labels, *headings], [*labels.values(), *headings.values()], fontsize=8)
    for label in ax.get_yticklabels()[len(labels) :]:
        label.set_fontweight("bold")
    n = len(labels) + len(headings)
    ax.set_ylim(n - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=8)
    # scanpy's settings can turn it on
    ax.grid(False)
    tidy(ax)
    ax.spines["left"].set_visible(False)
    for place, value in zip(labels, q, strict=True):
        style = {"ha": "left", "va": "center", "fontsize": 7.5, "color": "0.25", "annotation_clip": False}
        ax.annotate(q_words(value), (1, place), (6, 0), ax.get_yaxis_transform(), "offset points", **style)
