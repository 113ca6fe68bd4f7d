"""All programs of a comparison: size of the difference against its q value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from scipy.optimize import linear_sum_assignment

from crystallin import _checks as checks
from crystallin._keys import RANK_PROGRAMS_GROUPS

from ._ranking import LEVEL, MIN_Q, Decided, comparisons, decided, difference_of, only
from ._style import DOWN, MUTED, UP, finish, legend_below, shorten, tidy, wrap

# letters of a label; points: its size, distance between two of them, distance of their columns from the axes
LABEL_WIDTH, LABEL_SIZE, PITCH, GAP = 36, 7, 11, 10
# points: depth of the legend below the axes
LEGEND_DEPTH = 26
UNTESTED = "0.8"
LINE = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 2.5}


def volcano(
    adata: AnnData,
    group: str | None = None,
    *,
    contrast: str | None = None,
    stratum: str | None = None,
    kind: Literal["unique", "total"] = "unique",
    n_labels: int = 8,
    q_max: float | None = None,
    families: Literal["all", "lead"] = "all",
    key: str = RANK_PROGRAMS_GROUPS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the difference of activity against ``q`` for all programs of one comparison.

    The horizontal axis is the difference in prior standard deviations, the column ``effect``. A filled dot is called
    (``call``): blue if it is higher in the group (or a positive contrast), orange if it is lower. Open dots are not
    called, and grey ones have a ``q`` above .05 (the dashed line). Triangles are programs with a ``q`` below 1e-10. The
    limits of the horizontal axis are those of the tested programs. Programs that were not tested are small light dots
    at the bottom; those beyond the limits are not drawn.

    Parameters
    ----------
    adata
        Data with results of :func:`crystallin.tl.rank_programs_groups` or :func:`crystallin.tl.compare`.
    group, contrast, stratum
        The comparison to show; not needed if there is only one. ``group`` is for results of
        :func:`crystallin.tl.rank_programs_groups`, ``contrast`` for those of :func:`crystallin.tl.compare`.
    kind
        Reading of the programs: ``"unique"`` shows what each explains beside all others, ``"total"`` what the genes of
        its set do, whichever programs explain it.
    n_labels
        Number of programs to label: the most certain of those that are called, then of the other coloured ones. Labels
        for which there is no room are left out.
    q_max
        ``None`` fills the dots of differences that are called. A number fills those with a ``q`` up to it instead.
    families
        ``"lead"`` shows one program of each family, ``"all"`` shows all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read. With
        ``contrast``, the default is ``"compare"``.
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
        If there are no results.
    ValueError
        If a group, contrast or stratum is not among them, or there are several comparisons to choose from.

    Examples
    --------
    >>> cr.pl.volcano(adata, "stim", stratum="B cells")  # doctest: +SKIP
    >>> cr.pl.volcano(adata, contrast="condition: stim - ctrl", stratum="B cells")  # doctest: +SKIP
    """
    checks.check_int(n_labels, "n_labels", 0)
    tool, key = checks.check_comparison(adata, key, group, contrast)
    title, part = only(comparisons(adata, group, stratum, families, key, kind, contrast=contrast, tool=tool))
    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    effect, q = part["effect"].to_numpy(), part["q"].fillna(1).to_numpy()
    height = -np.log10(np.maximum(q, MIN_Q))
    decision, level = decided(part, q_max), LEVEL if q_max is None else q_max
    _draw_dots(ax, part, height, decision)
    ax.axhline(-np.log10(level), color=MUTED, linewidth=0.8, linestyle="--", zorder=0)
    ax.set(ylim=(0, max(height.max(), -np.log10(level)) * 1.08))
    ax.set_xlabel(difference_of(kind), fontsize=9)
    ax.set_title(wrap(title, 60), fontsize=10, pad=20)
    tidy(ax)
    # the axis is drawn at a difference of 0, which leaves both sides to the names
    ax.spines["left"].set_position("zero")
    style = {"ha": "center", "fontsize": 9, "annotation_clip": False}
    ax.annotate("−log10 q", (0, 1), (0, 4), ax.get_xaxis_transform(), "offset points", **style)
    ax.tick_params(labelsize=8)
    # a 0 would lie on the axis
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value else "")
    chosen = np.concatenate([np.flatnonzero(decision.called), np.flatnonzero(decision.weak)])[:n_labels]
    _label(ax, part["program"].to_numpy()[chosen], np.column_stack([effect, height])[chosen])
    return finish(ax, show)


def _draw_dots(ax: Axes, part: pd.DataFrame, height: np.ndarray, decision: Decided) -> None:
    """Draw the programs and a legend of the marks that occur, and set the limits of the x axis."""
    effect, tested, beyond = part["effect"].to_numpy(), part["q"].notna().to_numpy(), (part["q"] < MIN_Q).to_numpy()
    # without any tested program the limits are those of all
    inside = np.abs(effect)[tested if tested.any() else slice(None)]
    limit = 1.08 * max(inside.max(), 1e-6)
    ax.set_xlim(-limit, limit)
    coloured, falls = decision.called | decision.weak, effect < 0
    colour = np.where(coloured, np.where(falls, DOWN, UP), MUTED)
    light = ~tested & (np.abs(effect) <= limit)
    ax.scatter(effect[light], height[light], c=UNTESTED, s=8, linewidths=0, clip_on=False)
    for where, marker in ((tested & ~beyond, "o"), (tested & beyond, "^")):
        fill = np.where(decision.called, colour, "white")[where]
        style = {"c": fill, "edgecolors": colour[where], "linewidths": 1, "marker": marker, "s": 20}
        # grey dots are drawn first
        ax.scatter(effect[where], height[where], zorder=2, **style)
    called, weak, others = decision.words
    every = {
        f"{called}, higher": (decision.called & ~falls, [("o", UP, UP)]),
        f"{called}, lower": (decision.called & falls, [("o", DOWN, DOWN)]),
        weak: (decision.weak, [("o", UP, "white"), ("o", DOWN, "white")]),
        others: (tested & ~coloured, [("o", MUTED, "white")]),
        f"q < {MIN_Q:.0e}": (beyond, [("^", UP, "white"), ("^", DOWN, "white")]),
        "not tested": (light, [("o", UNTESTED, UNTESTED)]),
    }
    words = [word for word, (where, _) in every.items() if where.any()]
    legend_below(
        ax,
        {word: tuple(_mark(*mark) for mark in every[word][1]) for word in words},
        LEGEND_DEPTH,
        at=0.5,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.3)},
        fontsize=7,
        ncols=3,
        borderaxespad=0.5,
    )


def _mark(marker: str, colour: str, inside: str) -> Line2D:
    size = 2.8 if colour == UNTESTED else 4.5
    style = {"markeredgecolor": colour, "markerfacecolor": inside, "markersize": size}
    return Line2D([], [], linestyle="", marker=marker, **style)


def _label(ax: Axes, names: np.ndarray, dots: np.ndarray) -> None:
    """Write names in a column on each side of the axes, and join them to their dots by lines that do not cross.

    ``names`` are sorted by importance; those for which there is no room are left out.
    """
    labels: list[Annotation] = []
    # the axes shrink when there are names beside them, so that lines are drawn anew in the final axes
    for _ in range(2):
        for label in labels:
            label.remove()
        ax.figure.draw_without_rendering()
        labels = [
            ax.annotate(
                shorten(str(names[i]), LABEL_WIDTH),
                tuple(dots[i]),
                place,
                textcoords="axes fraction",
                ha="left" if place[0] > 0 else "right",
                va="center",
                fontsize=LABEL_SIZE,
                annotation_clip=False,
                arrowprops={**LINE, "relpos": (0 if place[0] > 0 else 1, 0.5)},
            )
            for i, place in _places(ax, dots)
        ]


def _places(ax: Axes, dots: np.ndarray) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield the dots that are labelled, and the places of their labels as shares of the axes."""
    size = np.array(ax.get_window_extent().size) * 72 / ax.figure.dpi
    points = ax.transAxes.inverted().transform(ax.transData.transform(dots.reshape(-1, 2))) * size
    for side in (-1, 1):
        there = np.flatnonzero(np.where(dots[:, 0] < 0, -1, 1) == side)[: int(size[1] // PITCH) + 1]
        at = size[0] + GAP if side > 0 else -GAP
        slots = np.column_stack([np.full(len(there), at), _spread(np.sort(points[there, 1]), size[1])])
        # lines of the least total length do not cross
        distance = np.linalg.norm(points[there][:, None] - slots, axis=2)
        for i, slot in zip(there, linear_sum_assignment(distance)[1], strict=True):
            yield i, tuple(slots[slot] / size)


def _spread(wanted: np.ndarray, top: float) -> np.ndarray:
    """Return the places closest to the ``wanted`` ones (sorted), between 0 and ``top``, at least a pitch apart."""
    n = len(wanted)
    steps = PITCH * np.arange(n)
    # after the steps are taken off, places must not fall: least squares by pooling adjacent violators
    blocks: list[tuple[float, int]] = []
    for value in wanted - steps:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    places = np.repeat([mean for mean, _ in blocks], [size for _, size in blocks])
    return np.clip(places, 0, max(top - PITCH * (n - 1), 0)) + steps
