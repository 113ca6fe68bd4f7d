"""A program and its relatives, with their genes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import DEFAULT_KEY

from ._bipartite import draw_bipartite
from ._chosen import named
from ._style import finish

# smaller loadings, as a share of the largest one shown, are not drawn; programs with a smaller cosine are no relatives
SMALLEST, MIN_COSINE = 0.02, 0.01


def network(
    adata: AnnData,
    program: str | Sequence[str],
    *,
    n_relatives: int = 3,
    n_genes: int = 8,
    gene_symbols: str | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw programs and their genes as a network, which shows the genes that programs share and those they do not.

    The first program is on the left, the others are on the right, and the genes are between them. A line is a loading:
    wider lines are larger loadings; genes with a blue line go up with the program, genes with an orange line go down.
    Genes of several programs are in bold on a yellow ground. Genes of the first program alone are at the top; then
    follow, for each of the other programs, the genes that it shares and its own.

    Parameters
    ----------
    adata
        Data with loadings, from :func:`crystallin.tl.loadings`.
    program
        Name of a program, which is shown with its closest relatives, or several names, the first for the left side.
        Free programs can be named ``"free 1"`` for short.
    n_relatives
        With a single name, the largest number of relatives to show: programs (no decoys) whose loadings have the
        largest absolute cosine with those of the program, of at least 0.01.
    n_genes
        Number of genes to show for each program (the first in :func:`crystallin.get.loadings_df`), and number of
        further genes that programs share (those with the largest second loadings).
    gene_symbols
        Column of ``adata.var`` with the names of genes to show; ``None`` uses ``var_names``.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
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
        If there are no loadings, or no program of that name.
    ValueError
        If ``program`` is empty.

    Examples
    --------
    >>> cr.pl.network(adata, "Memory CD8 T cell")  # doctest: +SKIP
    >>> cr.pl.network(adata, ["B cell", "Plasma cell"], n_genes=12)  # doctest: +SKIP
    """
    checks.check_int(n_relatives, "n_relatives", 0)
    checks.check_int(n_genes, "n_genes", 1)
    checks.check_key(gene_symbols, adata.var, "gene_symbols", "adata.var")
    names = named(program, "program")
    table = get.loadings_df(adata, names, key=key)
    if isinstance(program, str) and n_relatives:
        others = get.loadings_df(adata, key=key)
        table = pd.concat([table, others[~others["program"].isin(names)]])
    loadings, rank = (_matrix(table, column) for column in ("loading", "rank"))
    loadings = loadings[[*names, *_relatives(loadings, n_relatives)]] if isinstance(program, str) else loadings
    loadings = loadings.where(loadings.abs() >= SMALLEST * loadings.abs().max(axis=None), 0)
    shown = loadings.loc[_genes(loadings, rank, n_genes)]
    about = _about(loadings, shown)
    if gene_symbols is not None:
        shown.index = adata.var.loc[shown.index, gene_symbols].astype(str)
    return finish(draw_bipartite(shown, about, ax), show)


def _matrix(table: pd.DataFrame, values: str) -> pd.DataFrame:
    """Return a column of the table of loadings as genes x programs; 0 for genes that are not members."""
    wide = table.pivot(index="gene", columns="program", values=values)
    return wide[table["program"].unique()].fillna(0).astype(float)


def _cosine(loadings: pd.DataFrame) -> pd.Series:
    """Return the cosine of each program's loadings with those of the first program, for all but the first."""
    length = np.linalg.norm(loadings, axis=0)
    cosine = loadings.T @ loadings.iloc[:, 0] / np.maximum(length * length[0], 1e-12)
    return cosine.iloc[1:]


def _relatives(loadings: pd.DataFrame, n: int) -> list[str]:
    # programs that share genes with opposite signs are relatives too
    cosine = _cosine(loadings).abs()
    return list(cosine[cosine >= MIN_COSINE].sort_values(ascending=False, kind="stable").index[:n])


def _genes(loadings: pd.DataFrame, rank: pd.DataFrame, n: int) -> list[str]:
    """Return the first genes of each program by their rank, and those with the largest second loadings."""
    best = [rank.loc[column != 0, name].sort_values(kind="stable").index[:n] for name, column in loadings.items()]
    if len(best) > 1:
        second = pd.Series(np.sort(loadings.abs(), axis=1)[:, -2], index=loadings.index)
        best.append(second[second > 0].sort_values(ascending=False, kind="stable").index[:n])
    return list(dict.fromkeys(name for part in best for name in part))


def _about(loadings: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    """Return the text below the name of each program."""
    connected = loadings != 0
    first = connected.iloc[:, 0]
    about = [f"{int((shown.iloc[:, 0] != 0).sum())} of {int(first.sum())} genes"]
    for name, cosine in _cosine(loadings).items():
        n = int((connected[name] & first).sum())
        about.append(f"{n} gene{'' if n == 1 else 's'} shared, cosine {cosine:.2f}")
    return about
