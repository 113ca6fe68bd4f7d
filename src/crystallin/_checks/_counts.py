"""Raw counts: finite, non-negative, whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from ._anndata import check_layer, named_layers
from ._words import some

# rows of a backed matrix read at a time
CHUNK_ROWS = 8_192
# log1p of counts per 10,000 stays below this; raw counts of a whole panel usually do not
MAX_LOG_VALUE = 20.0


def check_counts(adata: Any, layer: str | None, *, warn_of_empty_genes: bool = True) -> None:
    """Raise unless the matrix holds counts: finite, non-negative, whole, some in every cell; warn of empty genes."""
    check_layer(adata, layer)
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        msg = f"adata.X is None.{_counts_elsewhere(adata, layer)}"
        raise ValueError(msg)
    if sparse.issparse(matrix) and not isinstance(matrix, sparse.spmatrix):
        msg = (
            f"{where} is a {type(matrix).__name__}, which scvi-tools cannot read; make it a matrix: "
            f"{where} = scipy.sparse.csr_matrix({where})."
        )
        raise ValueError(msg)
    gene_totals = np.zeros(adata.n_vars)
    empty_cells: list[int] = []
    problem, largest = "", 0.0
    for start, block in _row_blocks(matrix):
        values = block.data if sparse.issparse(block) else np.asarray(block)
        problem = problem or _value_problem(values)
        largest = max(largest, float(values.max(initial=0)) if values.size else 0.0)
        if problem and problem != "fractions":
            break
        empty_cells.extend((start + np.flatnonzero(np.asarray(block.sum(axis=1)).ravel() == 0)).tolist())
        gene_totals += np.asarray(block.sum(axis=0)).ravel()
    if problem == "fractions":
        problem = (
            "look log-normalised (not whole numbers, all small)"
            if largest < MAX_LOG_VALUE
            else "are not whole numbers (normalised, or corrected?)"
        )
    if problem:
        msg = (
            f"{where} must hold raw counts, but its values {problem}.{_counts_elsewhere(adata, layer)} "
            "Corrected counts can be rounded with numpy.rint."
        )
        raise ValueError(msg)
    if empty_cells:
        msg = (
            f"{len(empty_cells)} cell(s) have no counts in {where}, e.g. {some(adata.obs_names[empty_cells[:5]])}. "
            "Drop them first: sc.pp.filter_cells(adata, min_counts=1)."
        )
        raise ValueError(msg)
    if warn_of_empty_genes and (gene_totals == 0).any():
        names = adata.var_names[gene_totals == 0]
        warnings.warn(
            f"{len(names)} gene(s) have no counts in {where}, e.g. {some(names)}; they carry no information. "
            "sc.pp.filter_genes(adata, min_counts=1) drops them (before add_programs).",
            UserWarning,
            stacklevel=4,
        )


def _row_blocks(matrix: Any) -> Iterator[tuple[int, Any]]:
    """Blocks of rows: the whole of a matrix in memory, chunks of one on disk."""
    in_memory = sparse.issparse(matrix) or isinstance(matrix, np.ndarray)
    step = max(matrix.shape[0], 1) if in_memory else CHUNK_ROWS
    for start in range(0, matrix.shape[0], step):
        yield start, matrix if in_memory else matrix[start : start + step]


def _value_problem(values: np.ndarray) -> str:
    if not np.isfinite(values).all():
        return "include NaN or infinity"
    if (values < 0).any():
        return f"include negative numbers (smallest {values.min():.4g}; scaled?)"
    return "fractions" if (values != np.floor(values)).any() else ""


def _counts_elsewhere(adata: Any, layer: str | None) -> str:
    """Name the places that look like counts."""
    others = [name for name in named_layers(adata) if name != layer]
    found = [f"layer={name!r}" for name in others if _looks_like_counts(adata.layers[name])]
    if layer is not None and adata.X is not None and _looks_like_counts(adata.X):
        found.append("layer=None (adata.X)")
    if adata.raw is not None and _looks_like_counts(adata.raw.X):
        found.append("adata.raw (take adata.raw.to_adata())")
    return f" These look like counts: {', '.join(found)}." if found else " No other layer looks like counts."


def _looks_like_counts(matrix: Any) -> bool:
    part = matrix[: min(matrix.shape[0], 200)]
    values = part.data if sparse.issparse(part) else np.asarray(part)
    return values.size > 0 and _value_problem(values) == "" and bool((values > 0).any())
