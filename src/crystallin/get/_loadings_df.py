"""Loadings as a tidy table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, FREE, LOADINGS_PARAMS, Keys

from ._columns import program_columns


def loadings_df(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    n_genes: int | None = None,
    gene_symbols: str | None = None,
    key: str = DEFAULT_KEY,
    decoys: bool = False,
    free: bool = False,
) -> pd.DataFrame:
    """Return the members of programs and their loadings, the largest first.

    Genes of free programs are sorted by how typical they are, as in :meth:`crystallin.ProgramVAE.get_free_genes`,
    because the largest loadings are mostly those of genes that cells seldom show.

    Parameters
    ----------
    adata
        Data with loadings, from :func:`crystallin.tl.loadings`.
    programs
        Names of the programs to return; ``None`` returns all. Free programs (see ``n_unannotated`` of
        :class:`crystallin.ProgramVAE`) can be named ``"free 1"`` for short.
    n_genes
        Number of genes to return for each program; ``None`` returns all members.
    gene_symbols
        Column of ``adata.var`` with the names of genes to use; ``None`` uses ``var_names``.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    decoys
        With ``programs=None``, include decoy programs.
    free
        With ``programs=None``, include free programs.

    Returns
    -------
    New tidy DataFrame with columns ``program``, ``gene``, ``loading`` (change of the gene's log rate per unit of
    activity), ``prior`` (weight of the gene in the gene set; 0 for free programs), ``added`` (whether
    :func:`crystallin.complete` added the gene to the set) and ``rank`` (1 = first).

    Raises
    ------
    KeyError
        If there are no loadings, no prior, or no program of that name.

    Examples
    --------
    >>> cr.get.loadings_df(adata, "Type I interferon response", n_genes=10)  # doctest: +SKIP
    """
    keys = Keys(key)
    checks.check_loadings(adata, keys)
    checks.check_key(gene_symbols, adata.var, "gene_symbols", "adata.var")
    if n_genes is not None:
        checks.check_int(n_genes, "n_genes", 1)
    named = adata.uns[keys.uns].get(LOADINGS_PARAMS, {}).get(FREE, ()) if keys.free_rank in adata.varm else ()
    named = [str(name) for name in named]
    columns, names = program_columns(adata, keys, named, programs=programs, decoys=decoys, free=free)
    labels = (adata.var_names if gene_symbols is None else adata.var[gene_symbols]).to_numpy()
    genes_of = _members(adata, keys, named)
    parts = []
    for column, name in zip(columns, names, strict=True):
        genes, loading, prior, added = (values[:n_genes] for values in genes_of(column))
        about = {"program": name, "gene": labels[genes], "loading": loading, "prior": prior, "added": added}
        parts.append(pd.DataFrame({**about, "rank": np.arange(1, len(genes) + 1)}))
    return pd.concat(parts, ignore_index=True)


def _members(adata: AnnData, keys: Keys, free: list[str]) -> Callable[[int], tuple[np.ndarray, ...]]:
    """Return a function that gives the genes of a program in their order.

    With them come their loadings, their prior weights, and whether they were added.
    """
    prior = sparse.csc_matrix(checks.check_matrix(adata, "varm", keys.prior, keys))
    values = checks.check_matrix(adata, "varm", keys.loadings, keys)
    n_programs = values.shape[1]
    added = sparse.csc_matrix(prior.shape)
    if keys.added in adata.varm:
        added = sparse.csc_matrix(checks.check_matrix(adata, "varm", keys.added, keys))
    if free:
        of_free, rank = (
            np.asarray(checks.check_matrix(adata, "varm", slot, keys, free))
            for slot in (keys.free_loadings, keys.free_rank)
        )

    def of(column: int) -> tuple[np.ndarray, ...]:
        if column < n_programs:
            members = prior[:, [column]].nonzero()[0]
            members = members[np.argsort(-np.abs(values[members, column]), kind="stable")]
            of_set, new = (matrix[members, column].toarray().ravel() for matrix in (prior, added))
            return members, values[members, column], of_set, new != 0
        column -= n_programs
        members = np.flatnonzero(rank[:, column])
        members = members[np.argsort(rank[members, column])]
        nothing = np.zeros(len(members), dtype=prior.dtype)
        return members, of_free[members, column], nothing, nothing != 0

    return of
