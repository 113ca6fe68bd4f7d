"""Arrays of cells x columns that are written to a store, or read from it by rows."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from ._stored import UNFINISHED, StoredAnnData

# rows of a chunk of a zarr array
CHUNK_ROWS = 8_192


class Rows:
    """An array of cells x columns in memory or on disk, whose missing values are replaced when rows are read.

    Parameters
    ----------
    values
        The array.
    missing
        Value in place of NaN.
    """

    def __init__(self, values: Any, missing: float) -> None:
        self.values, self.missing, self.shape = values, missing, tuple(values.shape)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return rows in memory."""
        part = np.asarray(self.values[rows])
        unknown = np.isnan(part)
        return np.where(unknown, part.dtype.type(self.missing), part) if unknown.any() else part


@contextmanager
def activity_arrays(adata: StoredAnnData, columns: Mapping[str, tuple[int, ...]]) -> Iterator[dict[str, Any]]:
    """Make arrays of activities in a store, to be filled in the block; remove them if it fails.

    They are unfinished until the store is updated: if the process ends before, they are as good as not there.

    Parameters
    ----------
    adata
        Data in a store.
    columns
        Shape of a row, by the name in ``obsm``.
    """
    check_space(adata, sum(map(math.prod, columns.values())))
    group = adata.root.require_group("obsm")
    if not group.attrs.get("encoding-type"):
        group.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
    made: list[str] = []
    try:
        for name, of_row in columns.items():
            if name in group:
                # the handle of the old array is of no use any more
                adata.obsm.pop(name, None)
                del group[name]
            made.append(name)
            _make(group, name, (adata.n_obs, *of_row))
        yield {name: group[name] for name in made}
    except BaseException:
        for name in made:
            if name in group:
                del group[name]
        raise
    for name in made:
        adata.obsm[name] = group[name]


def _make(group: Any, name: str, shape: tuple[int, ...]) -> None:
    """Make an array that is NaN until it is filled, as anndata stores arrays, and mark it as unfinished."""
    if isinstance(group, h5py.Group):
        array = group.create_dataset(name, shape, dtype=np.float32, fillvalue=np.nan)
    else:
        # refits are filled one after the other
        chunks = (min(shape[0], CHUNK_ROWS), *(1 for _ in shape[2:]), max(shape[-1], 1))
        array = group.create_array(name, shape=shape, dtype=np.float32, chunks=chunks, fill_value=np.nan)
    array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0", UNFINISHED: True})


def check_space(adata: StoredAnnData, n_columns: int) -> None:
    """Raise unless the disk has room for arrays with this many columns in all."""
    needed = 4 * adata.n_obs * n_columns
    free = shutil.disk_usage(adata.path).free
    if needed > free:
        msg = (
            f"Activities of {adata.n_obs} cells take {needed / 1e9:.3g} GB in {str(adata.path)!r}, but its disk has "
            f"{free / 1e9:.3g} GB left. Make room, or move the file."
        )
        raise OSError(msg)
