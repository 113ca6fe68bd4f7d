"""Bars of genes, the largest at the top."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ._style import DOWN, UP, italics, tidy


def draw_bars(ax: Axes, genes: pd.Series, values: pd.Series, *, title: str, xlabel: str) -> None:
    """Draw one bar for each gene, blue above 0 and orange below."""
    position = np.arange(len(genes))
    ax.barh(position, values, color=np.where(values < 0, DOWN, UP), height=0.7)
    ax.set_yticks(position, genes.astype(str), fontsize=8)
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_title(title, fontsize=9)
    ax.set_xlabel(xlabel, fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.locator_params(axis="x", nbins=4)
    tidy(ax)


def keys_of(values: pd.Series, member: pd.Series) -> dict[str, Any]:
    """Return the keys of the colours of attributions, if there are both, and of names in italics."""
    colours = {"raises the activity": Patch(color=UP), "lowers it": Patch(color=DOWN)}
    return (colours if (values < 0).any() else {}) | italics(member)
