"""Names of genes and their mean expression, read from AnnData for the preparation of programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from crystallin.programs import name_of


def gene_names(adata: AnnData, gene_symbols: str | None) -> np.ndarray:
    """Return the name of each gene as gene sets write it; ``""`` where the column has a missing value.

    Raises
    ------
    TypeError
        If the column holds anything but text and whole numbers.
    """
    column = adata.var_names if gene_symbols is None else adata.var[gene_symbols]
    try:
        return np.array([name_of(value) for value in column], dtype=str)
    except TypeError as error:
        msg = f"gene_symbols={gene_symbols!r} must name a column of gene names, but {error}."
        raise TypeError(msg) from error


def mean_expression(adata: AnnData, layer: str | None) -> np.ndarray:
    """Return the mean of each gene over all cells, from a matrix in any format.

    Raises
    ------
    ValueError
        If there is no matrix, or it holds anything but finite numbers.
    """
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        named = [name for name in adata.layers if name is not None]
        msg = (
            f"{where} is None, but decoys (n_decoys > 0) are matched on expression. Name a layer with layer=… (adata "
            f"has {', '.join(map(repr, named)) or 'no layers'}), or set n_decoys=0."
        )
        raise ValueError(msg)
    matrix = _in_memory(matrix)
    if matrix.dtype.kind not in "biuf":
        msg = f"{where} holds {matrix.dtype}, not numbers; convert it, e.g. {where} = {where}.astype('float32')."
        raise ValueError(msg)
    mean = np.asarray(_summable(matrix).mean(axis=0)).ravel()
    if not np.isfinite(mean).all():
        msg = (
            f"{where} has missing or infinite values in {int((~np.isfinite(mean)).sum())} gene(s), so decoys cannot be "
            "matched on expression. Choose a layer with counts, or set n_decoys=0."
        )
        raise ValueError(msg)
    return mean


def _in_memory(matrix: Any) -> Any:
    """Return the values of a matrix that is computed on demand (dask) or stored on disk."""
    if hasattr(matrix, "compute"):
        return matrix.compute()
    return matrix if sparse.issparse(matrix) or isinstance(matrix, np.ndarray) else matrix[:]


def _summable(matrix: Any) -> Any:
    """Return a matrix in this machine's byte order and at least single precision."""
    if matrix.dtype.kind == "f" and matrix.dtype.itemsize < 4:
        return matrix.astype(np.float32)
    return matrix if matrix.dtype.isnative else matrix.astype(matrix.dtype.newbyteorder("="))
