"""Top genes of programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import DEFAULT_KEY

from ._bars import draw_bars
from ._style import DOWN, UP, finish, legend_outside, panels, wrap

MAX_PANELS = 12


def loadings(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    n_genes: int = 10,
    gene_symbols: str | None = None,
    n_cols: int = 4,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | list[Axes]:
    """Draw the top genes of programs, with one panel for each program.

    A bar is the gene's loading: the change of its log rate per unit of activity. Genes in blue go up with the program,
    genes in orange go down, and a plus marks genes that :func:`crystallin.complete` added to the set. For free programs
    the genes are the most typical ones, as in :func:`crystallin.get.loadings_df`, and not those with the largest
    loadings.

    Parameters
    ----------
    adata
        Data with loadings, from :func:`crystallin.tl.loadings`.
    programs
        Names of programs; ``None`` shows the first twelve. Free programs (see ``n_unannotated`` of
        :class:`crystallin.ProgramVAE`) can be named ``"free 1"`` for short.
    n_genes
        Number of genes in each panel.
    gene_symbols
        Column of ``adata.var`` with the names of genes to show; ``None`` uses ``var_names``.
    n_cols
        Number of panels in a row.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    ax
        Axes to draw on; only for a single program.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes for a single program, else a list of Axes.

    Raises
    ------
    KeyError
        If there are no loadings, or no program of that name.
    ValueError
        If ``ax`` is given for several programs.

    Examples
    --------
    >>> cr.pl.loadings(adata, ["B cell", "NK cell"], n_genes=8)  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    checks.check_int(n_cols, "n_cols", 1)
    table = get.loadings_df(adata, programs, n_genes=n_genes, gene_symbols=gene_symbols, key=key)
    names = list(table["program"].unique())
    if programs is None:
        names = names[:MAX_PANELS]
    if ax is not None:
        if len(names) > 1:
            msg = f"ax has room for one program, but {len(names)} were given. Name a single program, or leave ax out."
            raise ValueError(msg)
        axes = [ax]
    else:
        axes = panels(len(names), n_cols, (2.6, 0.9 + 0.2 * n_genes))
    for panel, name in zip(axes, names, strict=True):
        genes = table.loc[table["program"] == name]
        # free programs have no prior, and their genes are not in the order of loadings
        label = "loading" if genes["prior"].any() else "loading, most typical gene first"
        marked = genes["gene"].astype(str).where(~genes["added"], "+ " + genes["gene"].astype(str))
        draw_bars(panel, marked, genes["loading"], title=wrap(name), xlabel=label)
    keys = _keys(table[table["program"].isin(names)])
    if keys and ax is None:
        legend_outside(axes[0].figure, keys, n_cols=min(len(axes), n_cols, len(keys)))
    return finish(axes[0] if len(axes) == 1 else axes, show)


def _keys(table: pd.DataFrame) -> dict[str, Any]:
    """Return the marks that need an explanation, by their words."""
    keys: dict[str, Any] = {}
    if (table["loading"] < 0).any():
        keys |= {"goes up with the program": Patch(color=UP), "goes down": Patch(color=DOWN)}
    if table["added"].any():
        keys["+ added by crystallin.complete"] = Line2D([], [], linestyle="")
    return keys
