"""Minibatches of counts that are not in memory, read in windows of many cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from torch.utils.data import IterableDataset, RandomSampler

if TYPE_CHECKING:
    from ._resident import RegisteredCells

# A window has at most that many cells, and fewer if they have many counts that are not zero: that many in all.
WINDOW_CELLS, WINDOW_ENTRIES = 16_384, 2**23
# cells that are next to each other in the file and are read together; a minibatch has cells of many blocks
BLOCK_CELLS = 256


class Windows(IterableDataset):
    """Minibatches of some cells, for which a window of cells is read at a time.

    A single cell of a compressed file takes as long to read as a thousand. Shuffled windows therefore consist of random
    blocks of neighbouring cells, and the cells are shuffled within the window. If all cells fit into one window, their
    order is the same as that of data in memory.

    Parameters
    ----------
    cells
        Registered data.
    indices
        Positions of the cells.
    batch_size, shuffle, drop_last
        As in :class:`torch.utils.data.DataLoader`.
    """

    def __init__(
        self, cells: RegisteredCells, indices: np.ndarray, batch_size: int, *, shuffle: bool, drop_last: bool
    ) -> None:
        self.cells, self.batch_size, self.shuffle = cells, batch_size, shuffle
        # so that there is no smaller minibatch at the end of each window
        self.window = max(window_cells(cells) // batch_size, 1) * batch_size
        self.n_cells = len(indices) // batch_size * batch_size if drop_last else len(indices)
        self.indices = indices
        # rows of a single window that is not shuffled, such as cells for validation, which are read in each epoch
        self._kept: sparse.csr_matrix | None = None

    def __len__(self) -> int:
        return -(-self.n_cells // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        order = self._order()[: self.n_cells]
        for start in range(0, self.n_cells, self.window):
            window = order[start : start + self.window]
            rows = self._read(window)
            for first in range(0, len(window), self.batch_size):
                part = slice(first, first + self.batch_size)
                yield self.cells.minibatch(window[part], rows[part])

    def _read(self, window: np.ndarray) -> sparse.csr_matrix:
        if self.shuffle or self.n_cells > self.window:
            return self.cells.rows_of(window)
        if self._kept is None:
            self._kept = self.cells.rows_of(window)
        return self._kept

    def _order(self) -> np.ndarray:
        """Return the cells in the order of this epoch."""
        n = len(self.indices)
        if not self.shuffle:
            return self.indices
        if n <= self.window:
            return self.indices[_permutation(n)]
        ascending = np.sort(self.indices)
        blocks = [ascending[start : start + BLOCK_CELLS] for start in range(0, n, BLOCK_CELLS)]
        order = np.concatenate([blocks[i] for i in _permutation(len(blocks))])
        for start in range(0, n, self.window):
            window = order[start : start + self.window]
            order[start : start + self.window] = window[_permutation(len(window))]
        return order


def window_cells(cells: RegisteredCells) -> int:
    """Return the number of cells in a window, by the number of counts of the first cells that are not zero."""
    first = cells.rows_of(np.arange(min(len(cells), BLOCK_CELLS)))
    per_cell = max(first.nnz / first.shape[0], 1)
    return int(min(WINDOW_CELLS, max(WINDOW_ENTRIES // per_cell, BLOCK_CELLS)))


def in_windows(batches: Sequence[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """Yield successive batches that have at most ``size`` cells together, or one batch that has more."""
    window: list[np.ndarray] = []
    for batch in batches:
        if window and sum(map(len, window)) + len(batch) > size:
            yield window
            window = []
        window.append(batch)
    if window:
        yield window


def _permutation(n: int) -> np.ndarray:
    return np.fromiter(RandomSampler(range(n)), dtype=np.int64, count=n)
