"""Scores of labels in groups, and the labels given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from crystallin import get
from crystallin._keys import ANNOTATE

from ._stored import reading_of
from ._style import MUTED, finish, shorten

# diameter of the largest dot in points; characters of the names of labels, and of groups with their labels
MAX_DOT, LABEL, BOTH = 13, 34, 30
# inches: height of a row, length and thickness of the colour bar; shares in the legend
ROW, BAR, THICK, SHARES = 0.26, 1.2, 0.12, (0.25, 0.5, 1.0)


def annotation(
    adata: AnnData,
    *,
    group: str | Sequence[str] | None = None,
    key: str = ANNOTATE,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a matrix of groups x labels that shows how well each label fits, and which one was given.

    The colour is the score, and its scale says whether this is a score of unique activities ("activity") or of total
    ones. The size of a dot is the share of the label's genes that agree with it (the support). A ring marks the label
    that was given. This label is also written beside the name of the group, with a question mark if the second label is
    close. The figure shows the labels that come first or second in some group, and all coarser labels of those that
    were given.

    Parameters
    ----------
    adata
        Data with annotations, from :func:`crystallin.tl.annotate`.
    group
        Groups to show; ``None`` shows all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
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
        If there are no annotations.
    ValueError
        If there is no such group.

    Examples
    --------
    >>> cr.pl.annotation(adata)  # doctest: +SKIP
    """
    table = get.annotation_df(adata, group, key=key, columns="all").set_index("group")
    scores = get.annotation_df(adata, table.index.tolist(), scores=True, key=key)
    # a score may be that of a finer label
    shown = {*table["best"], *table["second"], *table["carried_by"]}
    shown |= {name for path in table["path"] for name in path.split(" > ")}
    # in the collection's order, coarser ones before finer ones
    labels = [name for name in scores["label"].unique() if name in shown]
    score, support = (
        scores.pivot(index="group", columns="label", values=what).loc[table.index, labels]
        for what in ("score", "support")
    )
    ax = _draw(score, support, table, reading_of(adata, key, ANNOTATE), ax)
    return finish(ax, show)


def _draw(score: pd.DataFrame, support: pd.DataFrame, table: pd.DataFrame, reading: str, ax: Axes | None) -> Axes:
    n_rows, n_columns = score.shape
    if ax is None:
        # room for the names on both sides and the legends on the right
        size = (6.2 + 0.26 * n_columns, 2.6 + ROW * n_rows)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    row, column = np.indices(score.shape)
    diameter = MAX_DOT * np.sqrt(support.to_numpy().ravel())
    # a single very large score would make all other colours pale
    limit = max(float(score.max(axis=1).quantile(0.8)), 0.5)
    beyond = bool((score > limit).any(axis=None))
    dots = ax.scatter(
        column.ravel(), row.ravel(), s=diameter**2, c=score.to_numpy().ravel(), cmap="GnBu", vmin=0, vmax=limit
    )
    given = score.columns.get_indexer(table["label"])
    there = np.flatnonzero(given >= 0)
    ax.scatter(given[there], there, s=(MAX_DOT + 3) ** 2, facecolors="none", edgecolors="black", linewidth=1.2)
    ax.set_xticks(range(n_columns), [shorten(name, LABEL) for name in score.columns], fontsize=8, rotation=90)
    marks = np.where(table["ambiguous"].astype(bool), "?", "")
    names = [
        f"{shorten(group, BOTH)}  →  {shorten(label, BOTH)}{mark}"
        for (group, label), mark in zip(table["label"].astype(str).items(), marks, strict=True)
    ]
    ax.set_yticks(range(n_rows), names, fontsize=8)
    for text, label in zip(ax.get_yticklabels(), given, strict=True):
        text.set_color("black" if label >= 0 else MUTED)
    ax.set_xlim(-0.7, n_columns - 0.3)
    ax.set_ylim(n_rows - 0.3, -0.7)
    ax.tick_params(length=0)
    ax.grid(color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[:].set_visible(False)
    # the bar and the legend below it share a column
    shape = {"shrink": min(1.0, BAR / (ROW * n_rows)), "aspect": BAR / THICK, "anchor": (0, 1.0), "panchor": False}
    bar = ax.figure.colorbar(dots, ax=ax, extend="max" if beyond else "neither", **shape)
    bar.set_label(f"score ({reading}, sd)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    _draw_legend(bar.ax, has_close=bool((marks != "").any()), has_unnamed=bool((given < 0).any()))
    return ax


def _draw_legend(ax: Axes, *, has_close: bool, has_unnamed: bool) -> None:
    """Explain sizes, rings, question marks and grey names."""
    mark = {"marker": "o", "linestyle": ""}
    keys: dict[str, Any] = {
        f"{share:.0%}": Line2D([], [], color=MUTED, markersize=MAX_DOT * share**0.5, **mark) for share in SHARES
    }
    keys["label given"] = Line2D([], [], markerfacecolor="none", color="black", markersize=MAX_DOT + 3, **mark)
    nothing = Line2D([], [], linestyle="")
    keys |= {"?  second label is close": nothing} if has_close else {}
    keys |= {"grey: no label": nothing} if has_unnamed else {}
    ax.legend(
        list(keys.values()),
        list(keys),
        title="genes that agree",
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(-0.4, -0.15),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        labelspacing=0.9,
        borderaxespad=0,
    )
