"""A difference of activity, gene by gene."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import CONTRAST

from ._style import DOWN, MUTED, UP, finish, tidy, wrap


def contrast(
    adata: AnnData, *, n_genes: int = 15, key: str = CONTRAST, ax: Axes | None = None, show: bool | None = None
) -> Axes:
    """Waterfall of the genes that a program's difference between two groups comes from.

    Bars follow each other from no difference to the whole one: the genes with the largest contributions, then all
    others together. Blue: raises the difference, orange: lowers it, grey: the others and the sum. Genes outside the
    program are in italics.

    Parameters
    ----------
    adata
        Data with a contrast, from :func:`crystallin.tl.contrast`.
    n_genes
        Number of genes.
    key
        Slot of ``uns`` with the result.
    ax
        Axes to draw on.
    show
        Show the figure.

    Returns
    -------
    The Axes.

    Raises
    ------
    KeyError
        If there is no contrast under ``key``.

    Examples
    --------
    >>> cr.pl.contrast(adata, n_genes=20)  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    table, params = get.contrast_df(adata, key=key), get.contrast_params(adata, key=key)
    shown, others = table.head(n_genes), table.iloc[n_genes:]
    steps = np.append(shown["contribution"], others["contribution"].sum())
    labels = [*shown["gene"].astype(str), f"{len(others):,} other genes", "difference"]
    start = np.append(np.cumsum(steps) - steps, 0)
    width = np.append(steps, params["difference"])
    colour = [*np.where(shown["contribution"] < 0, DOWN, UP), MUTED, MUTED]
    if ax is None:
        _, ax = plt.subplots(figsize=(4.5, 1.3 + 0.2 * len(labels)), layout="constrained")
    position = np.arange(len(labels))
    ax.barh(position, width, left=start, color=colour, height=0.7)
    ends = np.cumsum(steps)
    for i, end in enumerate(ends):
        ax.plot([end, end], [i - 0.35, i + 1.35], color="black", linewidth=0.6)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(position, labels, fontsize=8)
    for label, member in zip(ax.get_yticklabels(), shown["member"], strict=False):
        label.set_style("normal" if member else "italic")
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlabel("difference of activity", fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    title = f"{params['program']}: {params['group']} against {params['reference']}"
    ax.set_title(f"{wrap(title, 44)}\ncarried by {params['breadth']:.1f} genes", fontsize=9)
    tidy(ax)
    return finish(ax, show)
