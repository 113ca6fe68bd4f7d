"""Raw counts: finite, non-negative, whole."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from anndata.abc import CSCDataset
from scipy import sparse

from ._anndata import check_layer, named_layers
from ._dominated import dominated_cells, warn_of_dominated
from ._frames import frames_to_caller
from ._layout import canonical_csr, computed, row_blocks
from ._words import some

# log1p of counts per 10,000 stays below this; raw counts of a whole panel usually do not
MAX_LOG_VALUE = 20.0


def check_counts(adata: Any, layer: str | None, *, warn: bool = True) -> np.ndarray:
    """Raise unless the matrix holds counts: finite, non-negative whole numbers, not all 0 in any cell.

    Warn of genes without counts, and of cells whose counts are nearly all of a single gene.

    Returns
    -------
    Sum of the counts of each gene.
    """
    check_layer(adata, layer)
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        msg = f"adata.X is None.{_counts_elsewhere(adata, layer)}"
        raise ValueError(msg)
    if isinstance(matrix, CSCDataset):
        msg = (
            f"{where} is stored by genes (CSC), so a single cell takes as long to read as all. Write it by cells: read "
            f"the file, set {where} = {where}.tocsr(), and write it again."
        )
        raise ValueError(msg)
    gene_totals = np.zeros(adata.n_vars)
    empty_cells: list[int] = []
    dominated = [np.zeros((0, 4))]
    problem, largest = "", 0.0
    for start, block in row_blocks(matrix):
        block, values, problem_here = _read(block)
        problem = problem or problem_here
        if problem and problem != "fractions":
            break
        largest = max(largest, float(values.max(initial=0)) if values.size else 0.0)
        empty_cells.extend((start + np.flatnonzero(_sums(block, 1) == 0)).tolist())
        gene_totals += _sums(block, 0)
        if warn:
            dominated.append(dominated_cells(block) + [start, 0, 0, 0])
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
    if warn and (gene_totals == 0).any():
        names = adata.var_names[gene_totals == 0]
        warnings.warn(
            f"{len(names)} gene(s) have no counts in {where}, e.g. {some(names)}; they carry no information. "
            "sc.pp.filter_genes(adata, min_counts=1) drops them (before add_programs).",
            UserWarning,
            stacklevel=frames_to_caller(),
        )
    if warn:
        warn_of_dominated(np.concatenate(dominated), gene_totals, adata.obs_names, adata.var_names)
    return gene_totals


def check_layout(adata: Any, layer: str | None) -> None:
    """Raise if the matrix of counts has a type that scvi-tools cannot register."""
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    matrix = adata.X if layer is None else adata.layers[layer]
    # of a dask array, the kind of its blocks
    kind = getattr(matrix, "_meta", matrix)
    if sparse.issparse(kind) and not isinstance(kind, sparse.spmatrix):
        remedy = (
            f"scipy.sparse.csr_matrix({where})" if kind is matrix else f"{where}.map_blocks(scipy.sparse.csr_matrix)"
        )
        msg = f"{where} is a {type(kind).__name__}, which scvi-tools cannot read; make it a matrix: {where} = {remedy}."
        raise ValueError(msg)


def _read(block: Any) -> tuple[Any, np.ndarray, str]:
    """Return a block in a summable format, its values, and a description of the problem with them, if any."""
    if block.dtype.kind not in "biufO":
        return block, np.zeros(0), f"are not real numbers (dtype {block.dtype})"
    if sparse.issparse(block):
        block = canonical_csr(block)
        return block, block.data, _value_problem(block.data)
    if isinstance(block, np.ma.MaskedArray) and block.mask.any():
        return block, block.data, f"include {int(block.mask.sum())} that are masked (missing)"
    block = np.asarray(block)
    if block.dtype.kind == "O" or block.dtype.itemsize < 4:
        try:
            block = block.astype(np.float64)
        except (TypeError, ValueError):
            return block, block, "are objects, some of which are not numbers"
    return block, block, _value_problem(block)


def _sums(block: Any, axis: int) -> np.ndarray:
    return np.asarray(block.sum(axis=axis)).ravel()


def _value_problem(values: np.ndarray) -> str:
    if not np.isfinite(values).all():
        return "include NaN or infinity"
    if (values < 0).any():
        return f"include negative numbers (smallest {values.min():.4g}; scaled?)"
    return "fractions" if (values != np.floor(values)).any() else ""


def _counts_elsewhere(adata: Any, layer: str | None) -> str:
    """Say which other matrices look like counts."""
    others = [name for name in named_layers(adata) if name != layer]
    found = [f"layer={name!r}" for name in others if _looks_like_counts(adata.layers[name])]
    if layer is not None and adata.X is not None and _looks_like_counts(adata.X):
        found.append("layer=None (adata.X)")
    if adata.raw is not None and _looks_like_counts(adata.raw.X):
        found.append("adata.raw (take adata.raw.to_adata())")
    return f" These look like counts: {', '.join(found)}." if found else " No other layer looks like counts."


def _looks_like_counts(matrix: Any) -> bool:
    _, values, problem = _read(computed(matrix[: min(matrix.shape[0], 200)]))
    return values.size > 0 and not problem and bool((values > 0).any())
