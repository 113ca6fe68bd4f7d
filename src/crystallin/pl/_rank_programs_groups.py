"""Programs that differ most, ranked, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from crystallin import _checks as checks
from crystallin._keys import RANK_PROGRAMS_GROUPS, TOTAL, UNIQUE

from ._ranking import comparisons, decided, difference_of, only
from ._style import DOWN, MUTED, UP, finish, legend_below, panels, shorten, tidy, wrap

# inches: depth of the legend below all panels; points: its distance from given axes
DEPTH, LEGEND_DEPTH = 0.6, 34
LEGEND = {
    "fontsize": 7.5,
    "title": "difference with its 95 % interval; on the right, how many genes carry it",
    "title_fontsize": 7.5,
}


def rank_programs_groups(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    n_programs: int = 10,
    q_max: float | None = None,
    families: Literal["all", "lead"] = "lead",
    n_cols: int = 3,
    key: str = RANK_PROGRAMS_GROUPS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | list[Axes]:
    """Draw the programs with the largest statistics, with one panel for each comparison.

    A dot is the difference of mean activity in prior standard deviations, the column ``effect``, and the line its 95 %
    interval. A filled dot is called (``call``): blue if it is higher in the group, orange if it is lower. Open dots are
    not called, and grey ones have a ``q`` above .05. The grey number on the right is ``breadth``, the effective number
    of genes that carry the difference; near 1, it is the difference of a single gene and not of the program.

    If the two readings of a program surely differ in opposite directions (``opposed``), a diamond shows the difference
    in the other reading.

    Parameters
    ----------
    adata
        Data with results of :func:`crystallin.tl.rank_programs_groups`.
    group, stratum
        Comparisons to show; ``None`` shows all.
    kind
        Reading of the programs: ``"unique"`` shows what each explains beside all others, ``"total"`` what the genes of
        its set do, whichever programs explain it.
    n_programs
        Number of programs in each panel.
    q_max
        ``None`` fills the dots of differences that are called. A number fills those with a ``q`` up to it instead.
    families
        ``"lead"`` shows one program of each family, ``"all"`` shows all.
    n_cols
        Number of panels in a row.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
    ax
        Axes to draw on; only for a single comparison.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes for a single comparison, else a list of Axes.

    Raises
    ------
    KeyError
        If there are no results.
    ValueError
        If a group or stratum is not among them, or ``ax`` is given for several comparisons.

    Examples
    --------
    >>> cr.pl.rank_programs_groups(adata, "stim", n_programs=20)  # doctest: +SKIP
    """
    checks.check_int(n_programs, "n_programs", 1)
    checks.check_int(n_cols, "n_cols", 1)
    parts = comparisons(adata, group, stratum, families, key, kind)
    if ax is not None:
        only(parts)
    size = (5.2, 1 + 0.2 * min(n_programs, max(map(len, parts.values()))))
    axes = [ax] if ax is not None else panels(len(parts), n_cols, size, (0, DEPTH))
    shown = {title: part.head(n_programs) for title, part in parts.items()}
    for panel, (title, part) in zip(axes, shown.items(), strict=True):
        _draw(panel, title, part, q_max, kind)
    keys = _keys(pd.concat(shown.values()), q_max, kind)
    if ax is None:
        place = {"loc": "outside lower center", "frameon": False, "ncols": 2 if len(axes) == 1 else len(keys)}
        axes[0].figure.legend(list(keys.values()), list(keys), **place, **LEGEND)
    else:
        legend_below(ax, keys, LEGEND_DEPTH, **LEGEND)
    return finish(axes[0] if len(axes) == 1 else axes, show)


def _draw(ax: Axes, title: str, part: pd.DataFrame, q_max: float | None, kind: str) -> None:
    position, decision = np.arange(len(part)), decided(part, q_max)
    coloured, falls = decision.called | decision.weak, (part["effect"] < 0).to_numpy()
    colour = np.where(coloured, np.where(falls, DOWN, UP), MUTED)
    ax.hlines(position, part["lower"], part["upper"], color=colour, linewidth=1.5)
    inside = np.where(decision.called, colour, "white")
    ax.scatter(part["effect"], position, c=inside, edgecolors=colour, linewidths=1.2, s=22, zorder=3)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(position, [shorten(name) for name in part["program"]], fontsize=8)
    ax.set_ylim(len(part) - 0.4, -0.6)
    opposed = part["is_opposed"].to_numpy(dtype=bool)
    there = part["other_effect"].to_numpy(dtype=float)[opposed]
    if opposed.any():
        style = {"marker": "D", "c": "white", "linewidths": 1.2, "s": 24, "zorder": 3}
        ax.scatter(there, position[opposed], edgecolors=np.where(there < 0, DOWN, UP), **style)
    ax.set_xlabel(difference_of(kind), fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_title(wrap(title), fontsize=9)
    tidy(ax)
    # results of earlier versions have no breadth
    if "breadth" in part:
        _number_of_genes(ax, part["breadth"])


def _keys(shown: pd.DataFrame, q_max: float | None, kind: str) -> dict[str, Line2D]:
    """Return the keys of the marks that occur, by their words."""
    decision, falls = decided(shown, q_max), (shown["effect"] < 0).to_numpy()
    called, weak, others = decision.words
    dots = {
        f"{called}, higher": (decision.called & ~falls, UP, UP),
        f"{called}, lower": (decision.called & falls, DOWN, DOWN),
        weak: (decision.weak, UP, "white"),
        f"{others}, or not tested": (~(decision.called | decision.weak), MUTED, "white"),
    }
    keys = {word: _mark("o", edge, fill) for word, (where, edge, fill) in dots.items() if where.any()}
    if shown["is_opposed"].any():
        other = TOTAL if kind == UNIQUE else UNIQUE
        keys[f"the {other} activity, which goes the other way"] = _mark("D", UP, "white", linestyle="")
    return keys


def _mark(marker: str, colour: str, inside: str, *, linestyle: str = "-") -> Line2D:
    style = {"markerfacecolor": inside, "markersize": 4.5, "linewidth": 1.5, "linestyle": linestyle}
    return Line2D([], [], marker=marker, color=colour, **style)


def _number_of_genes(ax: Axes, breadth: pd.Series) -> None:
    words = ["" if np.isnan(n) else f"{n:.1f}" if round(n, 1) < 10 else f"{n:.0f}" for n in breadth]
    right = ax.secondary_yaxis("right")
    right.set_yticks(range(len(words)), words, fontsize=7, color=MUTED)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    # below the numbers, as a long title lies above
    ax.annotate("genes", (1, 0), (3, -4), "axes fraction", "offset points", va="top", fontsize=7, color=MUTED)
