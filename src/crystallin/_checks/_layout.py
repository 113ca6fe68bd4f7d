"""Matrices of counts in any layout, as CSR: the same counts, and the matrix that was given is not changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

# rows of a matrix that is not in memory that are read at a time
CHUNK_ROWS = 8_192
# codes of the types that torch can take as they are
SIMPLE_TYPES = "?bBhilqfd"


def is_in_memory(matrix: Any) -> bool:
    """Whether this is an array or a sparse matrix, rather than on disk or still to be computed (dask)."""
    return sparse.issparse(matrix) or isinstance(matrix, np.ndarray)


def canonical_csr(matrix: Any) -> sparse.csr_matrix:
    """The same counts with sorted indices, each entry once and no stored zeros, in a type that torch can take.

    A matrix that is so already is not copied. Entries that stand several times for the same cell and gene are added up,
    which is what such a matrix means (and what ``toarray`` makes of it).
    """
    if not sparse.issparse(matrix):
        dense = np.asarray(matrix)
        return sparse.csr_matrix(dense if _is_simple(dense.dtype) else dense.astype(np.float32))
    given = matrix.tocsr()
    # scipy notes on a matrix what it found out about it, so it looks at one that only shares the arrays
    csr = sparse.csr_matrix((given.data, given.indices, given.indptr), shape=given.shape)
    if not csr.has_canonical_format:
        # sums need not fit into the type of small integers
        csr = csr.astype(np.float64)
        csr.sum_duplicates()
    if np.count_nonzero(csr.data) < csr.nnz:
        csr = csr.copy() if np.shares_memory(csr.data, given.data) else csr
        csr.eliminate_zeros()
    return csr if _is_simple(csr.dtype) else csr.astype(np.float32)


def is_simple(matrix: Any) -> bool:
    """Whether scvi-tools can read minibatches of a matrix in memory as it is, and right."""
    if isinstance(matrix, sparse.spmatrix):
        return matrix.format == "csr" and _is_simple(matrix.dtype)
    return isinstance(matrix, np.ndarray) and type(matrix) is not np.ma.MaskedArray and _is_simple(matrix.dtype)


def row_blocks(matrix: Any) -> Iterator[tuple[int, Any]]:
    """Blocks of rows in memory and where they begin: a matrix in memory as a whole, others chunk by chunk."""
    step = max(matrix.shape[0], 1) if is_in_memory(matrix) else CHUNK_ROWS
    for start in range(0, matrix.shape[0], step):
        yield start, matrix if is_in_memory(matrix) else computed(matrix[start : start + step])


def rows_of(matrix: Any, positions: np.ndarray) -> sparse.csr_matrix:
    """Rows at these positions, in this order, of a matrix of any kind."""
    # what lies on disk can be read in ascending order only
    ascending, back = np.unique(positions, return_inverse=True)
    return canonical_csr(computed(matrix[ascending]))[back]


def computed(block: Any) -> Any:
    """A part of a matrix in memory; parts of dask arrays are computed."""
    return block.compute() if hasattr(block, "compute") else block


def _is_simple(dtype: np.dtype) -> bool:
    return dtype.char in SIMPLE_TYPES and dtype.isnative
