"""Loadings as a tidy table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys

from ._columns import program_columns


def loadings_df(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    n_genes: int | None = None,
    gene_symbols: str | None = None,
    key: str = DEFAULT_KEY,
    decoys: bool = False,
) -> pd.DataFrame:
    """Return the members of programs and their loadings, the largest first.

    Parameters
    ----------
    adata
        Data with loadings, from :func:`crystallin.tl.loadings`.
    programs
        Names of the programs to return; ``None`` returns all.
    n_genes
        Number of genes to return for each program; ``None`` returns all members.
    gene_symbols
        Column of ``adata.var`` with the names of genes to use; ``None`` uses ``var_names``.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    decoys
        With ``programs=None``, include decoy programs.

    Returns
    -------
    New tidy DataFrame with columns ``program``, ``gene``, ``loading`` (change of the gene's log rate per unit of
    activity), ``prior`` (weight of the gene in the gene set) and ``rank`` (1 = largest absolute loading).

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
    columns, names = program_columns(adata, keys, programs=programs, decoys=decoys)
    labels = (adata.var_names if gene_symbols is None else adata.var[gene_symbols]).to_numpy()
    prior = sparse.csc_matrix(checks.check_matrix(adata, "varm", keys.prior, keys))
    values = checks.check_matrix(adata, "varm", keys.loadings, keys)
    parts = []
    for column, name in zip(columns, names, strict=True):
        members = prior[:, [column]].nonzero()[0]
        loading = values[members, column]
        order = np.argsort(-np.abs(loading), kind="stable")[:n_genes]
        part = {
            "program": name,
            "gene": labels[members[order]],
            "loading": loading[order],
            "prior": prior[members[order], column].toarray().ravel(),
            "rank": np.arange(1, len(order) + 1),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
