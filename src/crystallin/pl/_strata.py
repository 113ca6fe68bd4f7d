"""Contributions of genes in each stratum, as a heat map."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ._style import italics, legend_below_names, mark_members, shorten

# the colour scale ends at this quantile of the shown values
QUANTILE = 0.98


def draw_strata(table: pd.DataFrame, n_genes: int, label: str, *, title: str, ax: Axes | None) -> Axes:
    """Draw genes x strata, and the sums of all genes below them.

    Parameters
    ----------
    table
        ``gene``, ``stratum``, ``contribution`` and ``member``; the most important genes come first.
    n_genes
        Number of genes to show.
    label
        Name of the colours.
    title, ax
        Title, and axes to draw on; ``None`` makes a new figure.
    """
    genes, strata = table["gene"].unique()[:n_genes], table["stratum"].unique()
    wide = table.pivot(index="gene", columns="stratum", values="contribution")[list(strata)]
    shown, sums = wide.loc[genes].to_numpy(dtype=float), wide.sum()
    if ax is None:
        size = (min(3.4 + 0.34 * len(strata), 16), min(2.2 + 0.2 * (len(shown) + 1), 16))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    limit = max(float(np.quantile(np.abs(shown), QUANTILE)), 1e-6)
    image = ax.imshow(np.clip(shown, -limit, limit), cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    row, column = np.nonzero(np.abs(shown) > limit * (1 + 1e-9))
    ax.scatter(column, row, s=5, color="white")
    # sums are much larger than contributions, which the colours are for
    for number, value in enumerate(sums):
        ax.text(number, len(shown), f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7)
    ax.set_ylim(len(shown) + 0.5, -0.5)
    labels = [shorten(str(name)) for name in strata]
    ax.set_xticks(range(len(strata)), labels, rotation=45, ha="right", fontsize=8)
    ax.set_yticks(range(len(shown) + 1), [*map(str, genes), "sum of all genes"], fontsize=8)
    member = table.drop_duplicates("gene")["member"].head(len(genes))
    mark_members(ax, member)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=9)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, extend="both" if len(row) else "neither")
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    keys = italics(member)
    if len(row):
        style = {"color": "white", "markeredgecolor": "0.5", "markeredgewidth": 0.5}
        keys["beyond the colours"] = Line2D([], [], linestyle="", marker="o", markersize=3.5, **style)
    legend_below_names(ax, keys, labels)
    return ax
