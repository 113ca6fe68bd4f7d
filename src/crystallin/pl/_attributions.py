"""Attributions of a program's activity to genes in each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import ATTRIBUTIONS, LABELS, PARAMS

from ._chosen import only_one
from ._reading import kind_of, titled
from ._style import MUTED, finish, italics, legend_below, legend_outside, mark_members, shorten, wrap

# numbers of columns up to which their names are oblique, and up to which they are vertical; beyond, they are left out
MAX_ASLANT, MAX_NAMES = 24, 80
# smaller groups do not influence the colours
MIN_CELLS = 30
# half of a 95 % interval in standard errors, and the side of a square whose interval includes 0
HALF, SMALL = 1.96, 0.4
# points below the axes: of the legend, and of a letter of a name
LEGEND_DEPTH, LETTER = 10, 4.5


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
    the scale. Small squares are means of fewer than 30 cells (groups with grey names), which do not influence the
    scale, and means that were estimated from a sample of cells and whose 95 % interval includes 0, so that what is
    uncertain does not stand out. Names of genes outside the program are in italics. Absolute attributions
    (``level="global"``) have a single column and no blue; for ``level="cell"`` the columns are cells. The title says if
    attributions are of the total activity.

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
    params = adata.uns[checks.check_result(adata, key, ATTRIBUTIONS)][PARAMS]
    what = "cell" if "cell" in table else "group"
    values, se = (_wide(table, what, column) for column in ("attribution", "se"))
    values = values.loc[values.abs().max(axis=1).sort_values(ascending=False, kind="stable").index[:n_genes]]
    member = table.drop_duplicates("gene").set_index("gene")["member"][values.index]
    is_small = _is_small(adata, params, list(values.columns))
    is_clear = (values.abs() >= HALF * se.loc[values.index]) & ~is_small
    kind = kind_of(params)
    is_own = ax is None
    ax = _draw(values, is_clear, is_small, ax, label=f"attribution ({LABELS[kind]})", what=what)
    mark_members(ax, member)
    ax.set_title(wrap(titled(program, kind), 44), fontsize=9)
    keys = _keys(is_clear, is_small) | italics(member)
    if keys and is_own:
        legend_outside(ax.figure, keys, n_cols=1)
    elif keys:
        longest = max((len(label.get_text()) for label in ax.get_xticklabels()), default=4)
        legend_below(ax, keys, LEGEND_DEPTH + LETTER * longest, fontsize=7.5)
    return finish(ax, show)


def _wide(table: pd.DataFrame, what: str, column: str) -> pd.DataFrame:
    """Return a column as genes x groups (or cells); 0 if the table has no such column."""
    values = table if column in table else table.assign(**{column: 0.0})
    return values.pivot(index="gene", columns=what, values=column)[table[what].unique()]


def _is_small(adata: AnnData, params: Mapping[str, Any], groups: list[str]) -> np.ndarray:
    """Whether each group has few cells; none if this is unknown, or all have."""
    groupby = params.get("groupby")
    if params["level"] != "group" or groupby not in adata.obs:
        return np.zeros(len(groups), dtype=bool)
    sizes = adata.obs[groupby].map(checks.label_name).value_counts()
    is_small = (sizes.reindex(groups).fillna(0) < MIN_CELLS).to_numpy()
    return is_small & ~is_small.all()


def _keys(is_clear: pd.DataFrame, is_small: np.ndarray) -> dict[str, Any]:
    """Return the marks that the figure has, by their words."""
    keys: dict[str, Any] = {}
    square = {"marker": "s", "linestyle": "", "color": "0.5", "markeredgewidth": 0, "markersize": 4}
    if is_small.any():
        keys[f"fewer than {MIN_CELLS} cells, which do not set the scale"] = Line2D([], [], **square)
    if not is_clear.loc[:, ~is_small].all(axis=None):
        keys["95 % interval (of a sample of cells) includes 0"] = Line2D([], [], **square)
    return keys


def _draw(
    values: pd.DataFrame, is_clear: pd.DataFrame, is_small: np.ndarray, ax: Axes | None, *, label: str, what: str
) -> Axes:
    n_rows, n_columns = values.shape
    names = [shorten(name) for name in values.columns] if n_columns <= MAX_NAMES else []
    if ax is None:
        height = 1.8 + 0.2 * n_rows + 0.07 * max(map(len, names), default=4)
        _, ax = plt.subplots(figsize=(min(3.6 + 0.3 * n_columns, 16), min(height, 16)), layout="constrained")
    # a single extreme value must not take up the whole scale, and a scale of nothing but zeros would be empty
    size = values.loc[:, ~is_small].abs()
    limit = float(np.quantile(size, 0.98)) or float(size.max(axis=None)) or 1.0
    image = ax.imshow(values.where(is_clear), cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    _draw_unclear(ax, image, values, is_clear)
    ax.set_xticks(range(len(names)), names, fontsize=8, rotation=45 if len(names) <= MAX_ASLANT else 90)
    for text, small in zip(ax.get_xticklabels(), is_small, strict=False):
        text.set(rotation_mode="anchor", ha="right", va="center", color=MUTED if small else "black")
    if not names:
        ax.set_xlabel(f"{n_columns:,} {what}s", fontsize=8)
    ax.set_yticks(range(n_rows), values.index, fontsize=8)
    ax.tick_params(length=0)
    # scanpy's settings can turn grids on
    ax.grid(False)
    ax.spines[:].set_visible(False)
    signed = bool((values < 0).any(axis=None))
    bar = ax.figure.colorbar(image, ax=ax, label=label, shrink=0.6, extend="both" if signed else "max")
    bar.ax.yaxis.label.set_size(8)
    bar.ax.tick_params(labelsize=8)
    if not signed:
        bar.ax.set_ylim(0, limit)
    return ax


def _draw_unclear(ax: Axes, image: AxesImage, values: pd.DataFrame, is_clear: pd.DataFrame) -> None:
    """Draw means that are not clear as small squares in the colours of the image."""
    row, column = np.nonzero((~is_clear & values.notna()).to_numpy())
    squares = [Rectangle((x - SMALL / 2, y - SMALL / 2), SMALL, SMALL) for x, y in zip(column, row, strict=True)]
    if squares:
        style = {"cmap": image.cmap, "norm": image.norm, "edgecolor": "0.75", "linewidth": 0.4}
        ax.add_collection(PatchCollection(squares, **style)).set_array(values.to_numpy()[row, column])
