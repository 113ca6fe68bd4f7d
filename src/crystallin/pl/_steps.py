"""Waterfall: bars of genes that add up from 0 to a sum."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ._style import DOWN, MUTED, UP, mark_members, tidy

TITLE_WIDTH = 36
# space beyond the bars, as a share of their range
MARGIN = 0.05


def draw_steps(
    table: pd.DataFrame, value: str, n_genes: int, end: str, *, xlabel: str, title: str, ax: Axes | None
) -> Axes:
    """Draw the first ``n_genes`` rows of a table (``gene``, ``member`` and ``value``), the others and the sum."""
    shown, others = table.head(n_genes), table.iloc[n_genes:]
    steps, labels = shown[value].to_numpy(dtype=float), [*shown["gene"].astype(str)]
    if len(others):
        steps = np.append(steps, others[value].sum())
        labels.append(f"{len(others):,} other gene{'s' if len(others) > 1 else ''}")
    labels.append(end)
    ends = np.cumsum(steps)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.5, 1.3 + 0.2 * len(labels)), layout="constrained")
    position = np.arange(len(labels))
    colour = [*np.where(shown[value] < 0, DOWN, UP), MUTED, MUTED][: len(labels)]
    ax.barh(position, np.append(steps, steps.sum()), left=np.append(ends - steps, 0), color=colour, height=0.7)
    for i, at in enumerate(ends):
        ax.plot([at, at], [i - 0.35, i + 1.35], color="black", linewidth=0.6)
    ax.axvline(0, color="black", linewidth=0.8)
    # matplotlib leaves no margin at the base of a bar, but the longest bar may be such a base
    low, high = min(ends.min(), 0), max(ends.max(), 0)
    margin = MARGIN * (high - low)
    if margin:
        ax.set_xlim(low - margin * (low < 0), high + margin * (high > 0))
    ax.set_yticks(position, labels, fontsize=8)
    mark_members(ax, shown["member"])
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlabel(xlabel, fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_title(title, fontsize=9)
    tidy(ax)
    return ax
