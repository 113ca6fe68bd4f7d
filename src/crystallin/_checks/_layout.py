"""Matrices of counts in any layout, as CSR with the same counts; the matrix that was given is not changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from anndata.abc import CSRDataset
from scipy import sparse

# number of rows that are read at a time from a matrix that is not in memory
CHUNK_ROWS = 8_192
# rows that are not wanted, but are read along with those on both sides of them: at least so many, and half a chunk of a
# file in which any row is as slow as the whole chunk
MAX_GAP = 64
# codes of the types that torch supports
SIMPLE_TYPES = "?bBhilqfd"


def is_in_memory(matrix: Any) -> bool:
    """Whether this is an array or a sparse matrix in memory, neither on disk nor computed on demand (dask)."""
    return sparse.issparse(matrix) or isinstance(matrix, np.ndarray)


def canonical_csr(matrix: Any) -> sparse.csr_matrix:
    """Return the same counts as CSR with sorted indices, no duplicates and no stored zeros, in a type torch supports.

    A matrix that already has this form is not copied. Duplicate entries for the same cell and gene are summed, which is
    what such a matrix means (and what ``toarray`` returns).
    """
    if not sparse.issparse(matrix):
        dense = np.asarray(matrix)
        return sparse.csr_matrix(dense if _is_simple(dense.dtype) else dense.astype(np.float32))
    given = matrix.tocsr()
    # scipy caches flags on the matrix that it inspects, so let it inspect a new one that shares the arrays
    csr = sparse.csr_matrix((given.data, given.indices, given.indptr), shape=given.shape)
    if not csr.has_canonical_format:
        # sums may not fit into a small integer type
        csr = csr.astype(np.float64)
        csr.sum_duplicates()
    if np.count_nonzero(csr.data) < csr.nnz:
        csr = csr.copy() if np.shares_memory(csr.data, given.data) else csr
        csr.eliminate_zeros()
    return csr if _is_simple(csr.dtype) else csr.astype(np.float32)


def is_simple(matrix: Any) -> bool:
    """Whether scvi-tools reads minibatches of this matrix in memory correctly without conversion."""
    if isinstance(matrix, sparse.spmatrix):
        return matrix.format == "csr" and _is_simple(matrix.dtype)
    return isinstance(matrix, np.ndarray) and type(matrix) is not np.ma.MaskedArray and _is_simple(matrix.dtype)


def row_blocks(matrix: Any) -> Iterator[tuple[int, Any]]:
    """Yield blocks of rows in memory and where they begin: a matrix in memory as a whole, others in chunks."""
    step = max(matrix.shape[0], 1) if is_in_memory(matrix) else CHUNK_ROWS
    for start in range(0, matrix.shape[0], step):
        yield start, matrix if is_in_memory(matrix) else computed(matrix[start : start + step])


class RowReader:
    """Reads rows of a matrix of any type; the boundaries of rows in a file are read once.

    Parameters
    ----------
    matrix
        Matrix in memory, on disk, or computed on demand (dask).
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self._arrays: dict[str, Any] = {}
        self._max_gap = MAX_GAP
        if isinstance(matrix, CSRDataset):
            self._arrays = {name: matrix.group[name] for name in ("data", "indices")}
            self._start = matrix.group["indptr"][:]
            entries_in_chunk = (self._arrays["indices"].chunks or (0,))[0]
            entries_in_row = max(self._start[-1] / max(matrix.shape[0], 1), 1)
            self._max_gap = max(MAX_GAP, int(entries_in_chunk / entries_in_row / 2))

    def __call__(self, positions: np.ndarray) -> sparse.csr_matrix:
        """Return the rows at these positions, in this order."""
        # matrices on disk can be read in ascending order only
        ascending, back = np.unique(positions, return_inverse=True)
        if is_in_memory(self.matrix) or hasattr(self.matrix, "compute"):
            return canonical_csr(computed(self.matrix[ascending]))[back]
        # a matrix on disk is read in runs, because each access takes long; runs are short enough to be held in memory
        is_far = np.diff(ascending) > self._max_gap
        runs = np.split(ascending, np.flatnonzero(is_far | (np.diff(ascending // CHUNK_ROWS) > 0)) + 1)
        blocks = [canonical_csr(self._run(int(run[0]), int(run[-1]) + 1))[run - run[0]] for run in runs]
        return sparse.vstack(blocks, format="csr")[back]

    def _run(self, start: int, stop: int) -> Any:
        """Return successive rows."""
        if not self._arrays:
            return self.matrix[start:stop]
        # anndata's slices look up the version of the library that reads the file each time, which takes longer
        bounds = self._start[start : stop + 1]
        part = slice(int(bounds[0]), int(bounds[-1]))
        rows = (self._arrays["data"][part], self._arrays["indices"][part], bounds - bounds[0])
        return sparse.csr_matrix(rows, shape=(stop - start, self.matrix.shape[1]))


def rows_of(matrix: Any, positions: np.ndarray) -> sparse.csr_matrix:
    """Return the rows at these positions, in this order, of a matrix of any type."""
    return RowReader(matrix)(positions)


def computed(block: Any) -> Any:
    """Return a part of a matrix in memory; parts of dask arrays are computed."""
    return block.compute() if hasattr(block, "compute") else block


def _is_simple(dtype: np.dtype) -> bool:
    return dtype.char in SIMPLE_TYPES and dtype.isnative
