"""Arrays of cells x programs that are filled from the top, minibatch by minibatch."""

from __future__ import annotations

from typing import Any

import numpy as np

# number of rows that are written at a time, because arrays on disk are stored in chunks of many rows
N_WRITTEN = 8_192


class Filled:
    """An array in memory or on disk, to which rows are added.

    Parameters
    ----------
    n_rows
        Number of rows; ``None`` if it is not known before the last one.
    missing
        Which values are replaced by NaN, rows x columns; ``None`` replaces none.
    out
        Array to fill, of any kind that accepts ``out[start:stop] = rows``; ``None`` makes one in memory.
    """

    def __init__(self, n_rows: int | None, missing: np.ndarray | None = None, out: Any = None) -> None:
        self.n_rows, self.missing, self.array = n_rows, missing, out
        self._waiting: list[np.ndarray] = []
        self._n_waiting = self._n_written = 0

    def add(self, rows: np.ndarray) -> None:
        """Add rows below those that were added before."""
        self._waiting.append(rows)
        self._n_waiting += len(rows)
        if self.n_rows is not None and self._n_waiting >= N_WRITTEN:
            self._write()

    def finish(self) -> Any:
        """Return the array with all rows."""
        if self._waiting:
            self._write()
        return self.array

    def _write(self) -> None:
        rows = np.concatenate(self._waiting)
        part = slice(self._n_written, self._n_written + len(rows))
        if self.missing is not None:
            rows[self.missing[part]] = np.nan
        if self.array is None:
            n_rows = len(rows) if self.n_rows is None else self.n_rows
            self.array = np.empty((n_rows, rows.shape[1]), dtype=rows.dtype)
        self.array[part] = rows
        self._waiting.clear()
        self._n_waiting, self._n_written = 0, part.stop
