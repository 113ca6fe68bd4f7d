"""Rules with their precision and recall."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import get
from crystallin._keys import RULES

from ._stored import reading_of
from ._style import DOWN, MUTED, UP, finish, shorten, tidy

# characters in a line of a rule; inches: height of a line, distance between groups
RULE_WIDTH, LINE, GAP = 64, 0.16, 0.14


def rules(
    adata: AnnData,
    *,
    group: str | Sequence[str] | None = None,
    key: str = RULES,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the rule of each group, with its precision and recall on held-out cells.

    Lines are 95 % Wilson intervals. The heading of the rules says whether their thresholds are of unique activities
    ("activity") or of total ones. The grey mark is the share of all cells that belong to the group, which is the
    precision of a rule without any information. Groups without a rule, among them those whose best rule gains too
    little (``min_gain`` of :func:`crystallin.tl.rules`), are not drawn; grey text below says how many there are.

    Parameters
    ----------
    adata
        Data with rules, from :func:`crystallin.tl.rules`.
    group
        Groups to show, if they have a rule; ``None`` shows all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
    ax
        Axes to draw on, with the rules to their right; ``None`` makes a new figure.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes.

    Raises
    ------
    KeyError
        If there are no rules.
    ValueError
        If there is no such group.

    Examples
    --------
    >>> cr.pl.rules(adata)  # doctest: +SKIP
    """
    table = get.rules_df(adata, group, key=key, columns="all")
    return finish(_draw(table, reading_of(adata, key, RULES), ax), show)


def _draw(table: pd.DataFrame, reading: str, ax: Axes | None) -> Axes:
    n_all, table = len(table), table[table["rule"] != ""]
    texts = [_wrapped(rule) for rule in table["rule"]]
    # the height of a group is the number of lines of its rule, at least two
    height = np.array([LINE * max(text.count("\n") + 1, 2) + GAP for text in texts])
    middle = np.cumsum(height) - height / 2
    if ax is None:
        _, ax = plt.subplots(figsize=(9.5, 1.2 + height.sum()), layout="constrained")
    for what, colour, offset in (("precision", UP, -LINE / 2), ("recall", DOWN, LINE / 2)):
        y = middle + offset
        ax.hlines(y, table[f"{what}_lower"], table[f"{what}_upper"], color=colour, linewidth=1.2)
        ax.plot(table[what], y, "o", color=colour, markersize=4.5, label=what, clip_on=False)
    ax.plot(table["prevalence"], middle - LINE / 2, "|", color=MUTED, markersize=9, label="of all cells")
    beside = {"textcoords": "offset points", "fontsize": 8, "annotation_clip": False}
    for y, text in zip(middle, texts, strict=True):
        ax.annotate(text, (1, y), (12, 0), xycoords=("axes fraction", "data"), va="center", **beside)
    if n_all > len(table):
        left_out = f"without a rule: {n_all - len(table)} of {n_all} groups (get.rules_df says why)"
        ax.annotate(left_out, (1, 0), (12, -14), xycoords="axes fraction", va="top", color=MUTED, **beside)
    ax.annotate(f"rule ({reading})", (1, 1), (12, 7), xycoords="axes fraction", color=MUTED, **beside)
    ax.set_yticks(middle, [shorten(name) for name in table["group"]], fontsize=8)
    ax.set_ylim(max(height.sum(), LINE), 0)
    ax.set_xlim(0, 1)
    ax.set_xlabel("share on held-out cells", fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=8)
    ax.grid(axis="x", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8)
    tidy(ax)
    return ax


def _wrapped(rule: str) -> str:
    """Break lines after terms where possible, otherwise within them."""
    lines: list[str] = []
    # a term ends with its threshold; "and" may also be part of a program's name
    for term in re.split(r"(?<=\d) and ", rule):
        joined = f"{lines[-1]} and {term}" if lines else term
        if lines and len(joined) <= RULE_WIDTH:
            lines[-1] = joined
        else:
            lines.append(f"and {term}" if lines else term)
    return "\n".join(part for line in lines for part in textwrap.wrap(line.replace("_", " "), RULE_WIDTH))
