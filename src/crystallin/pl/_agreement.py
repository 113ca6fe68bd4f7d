"""Agreement between methods of attribution."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import get
from crystallin._keys import ATTRIBUTION_AGREEMENT

from ._style import finish, wrap

# values above which black text cannot be read on the colour
DARK = 0.6


def agreement(
    adata: AnnData,
    program: str | Sequence[str] | None = None,
    *,
    group: str | Sequence[str] | None = None,
    key: str = ATTRIBUTION_AGREEMENT,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a matrix of attribution methods that shows how similarly they rank the genes.

    Numbers are the mean rank-biased overlap over programs and groups (0: no gene in common, 1: the same order).

    Parameters
    ----------
    adata
        Data with the result of :func:`crystallin.tl.attribution_agreement`.
    program
        Names of the programs to average over; ``None`` uses all.
    group
        Groups to average over; ``None`` uses all.
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
        If there is no such result under ``key``.
    ValueError
        If a program or group is not among the results.

    Examples
    --------
    >>> cr.pl.agreement(adata, "B cell")  # doctest: +SKIP
    """
    table = get.attribution_agreement_df(adata, program, group, key=key)
    mean = table.groupby(["method_a", "method_b"], sort=False, observed=True)["rbo"].mean()
    # in the order in which they were asked for
    methods = list(dict.fromkeys([*table["method_a"], *table["method_b"]]))
    overlap = pd.DataFrame(np.nan, index=methods, columns=methods)
    for (a, b), value in mean.items():
        overlap.loc[a, b] = overlap.loc[b, a] = value
    title = ", ".join(_one_or_count(table[what].unique(), what) for what in ("program", "group"))
    ax = _draw(overlap, ax)
    ax.set_title(wrap(title, 50), fontsize=9)
    return finish(ax, show)


def _one_or_count(names: np.ndarray, what: str) -> str:
    return str(names[0]) if len(names) == 1 else f"{len(names)} {what}s"


def _draw(overlap: pd.DataFrame, ax: Axes | None) -> Axes:
    n = len(overlap)
    if ax is None:
        _, ax = plt.subplots(figsize=(3.6 + 0.45 * n, 2.2 + 0.4 * n), layout="constrained")
    image = ax.imshow(overlap, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(overlap.notna().to_numpy()):
        value = overlap.iat[row, column]
        colour = "white" if value > DARK else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    names = [name.replace("_", " ") for name in overlap.index]
    ax.set_xticks(range(n), names, rotation=45, ha="right", fontsize=8)
    ax.set_yticks(range(n), names, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    # scanpy's settings can turn grids on
    ax.grid(False)
    bar = ax.figure.colorbar(image, ax=ax, label="rank-biased overlap", shrink=0.6)
    bar.ax.yaxis.label.set_size(8)
    bar.ax.tick_params(labelsize=8)
    return ax
