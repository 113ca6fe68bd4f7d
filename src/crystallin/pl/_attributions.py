"""Attributions of a program's activity to genes in each group."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import ATTRIBUTIONS, LABELS, PARAMS

from ._chosen import only_one
from ._reading import kind_of, titled
from ._style import finish, mark_members, shorten, wrap

# numbers of columns up to which their names are oblique, and up to which they are vertical; beyond, they are left out
MAX_ASLANT, MAX_NAMES = 24, 80


def attributions(
    adata: AnnData,
    program: str,
    *,
    group: str | Sequence[str] | None = None,
    n_genes: int = 20,
    key: str = ATTRIBUTIONS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a heat map of genes x groups that shows how much each gene contributes to a program's activity.

    Genes in red raise the activity, genes in blue lower it; the largest 2 % of the values have the colour at the end of
    the scale. Names of genes outside the program are in italics. Absolute attributions (``level="global"``) have a
    single column and no blue; for ``level="cell"`` the columns are cells. The title says if attributions are of the
    total activity.

    Parameters
    ----------
    adata
        Data with attributions, from :func:`crystallin.tl.attributions`.
    program
        Name of the program.
    group
        Groups (for ``level="cell"``, cells) to show, in this order; ``None`` shows all.
    n_genes
        Number of genes to show: those with the largest absolute attribution in any of the groups.
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
        If there are no attributions, or none of this program.
    ValueError
        If there is no such group or cell.

    Examples
    --------
    >>> cr.pl.attributions(adata, "B cell", n_genes=15)  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    program = only_one(program)
    table = get.attributions_df(adata, program, group, key=key)
    what = "cell" if "cell" in table else "group"
    values = table.pivot(index="gene", columns=what, values="attribution")[table[what].unique()]
    values = values.loc[values.abs().max(axis=1).sort_values(ascending=False, kind="stable").index[:n_genes]]
    member = table.drop_duplicates("gene").set_index("gene")["member"][values.index]
    kind = kind_of(adata.uns[checks.check_result(adata, key, ATTRIBUTIONS)][PARAMS])
    ax = _draw(values, what, ax, legend=f"attribution ({LABELS[kind]})")
    mark_members(ax, member)
    ax.set_title(wrap(titled(program, kind), 44), fontsize=9)
    return finish(ax, show)


def _draw(values: pd.DataFrame, what: str, ax: Axes | None, *, legend: str) -> Axes:
    n_rows, n_columns = values.shape
    names = [shorten(name) for name in values.columns] if n_columns <= MAX_NAMES else []
    if ax is None:
        height = 1.2 + 0.2 * n_rows + 0.07 * max(map(len, names), default=4)
        _, ax = plt.subplots(figsize=(min(3.6 + 0.3 * n_columns, 16), min(height, 16)), layout="constrained")
    # a single extreme value must not take up the whole scale, and a scale of nothing but zeros would be empty
    limit = float(np.quantile(values.abs(), 0.98)) or float(values.abs().max(axis=None)) or 1.0
    image = ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    ax.set_xticks(range(len(names)), names, fontsize=8, rotation=45 if len(names) <= MAX_ASLANT else 90)
    for label in ax.get_xticklabels():
        label.set(rotation_mode="anchor", ha="right", va="center")
    if not names:
        ax.set_xlabel(f"{n_columns:,} {what}s", fontsize=8)
    ax.set_yticks(range(n_rows), values.index, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    signed = bool((values < 0).any(axis=None))
    bar = ax.figure.colorbar(image, ax=ax, label=legend, shrink=0.6, extend="both" if signed else "max")
    if not signed:
        bar.ax.set_ylim(0, limit)
    return ax
