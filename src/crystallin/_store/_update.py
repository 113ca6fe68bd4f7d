"""Write what is in memory of data on disk."""

from __future__ import annotations

import warnings
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem, write_elem

from ._stored import UNFINISHED, StoredAnnData, is_writable


def update_store(adata: StoredAnnData) -> None:
    """Write results into the file that data were opened from.

    The file is then as ``write_h5ad`` or ``write_zarr`` would have written it, but matrices that are on disk are not
    written again.

    Parameters
    ----------
    adata
        Data from :func:`crystallin.open_store`.

    Returns
    -------
    ``None``. Writes new and changed columns of ``obs`` and ``var``, all of ``uns`` and ``varm``, and arrays of ``obsm``
    that are in memory; removes from the file what was removed in memory.

    Raises
    ------
    TypeError
        If the data were not opened by :func:`crystallin.open_store`.
    ValueError
        If the file was closed, or opened for reading only.

    Examples
    --------
    >>> adata = cr.open_store("cells.h5ad")  # doctest: +SKIP
    >>> adata.obs["checked"] = True  # doctest: +SKIP
    >>> cr.update_store(adata)  # doctest: +SKIP
    """
    if not isinstance(adata, StoredAnnData) or adata.is_view:
        msg = f"adata is a {type(adata).__name__} that is not in a store; use adata.write_h5ad(path) instead."
        raise TypeError(msg)
    if adata.root is None or not is_writable(adata.root):
        state = "was closed" if adata.root is None else "is open for reading only"
        msg = f'{str(adata.path)!r} {state}; open it with crystallin.open_store(path, mode="r+").'
        raise ValueError(msg)
    for slot in ("obs", "var"):
        _update_table(adata.root[slot], getattr(adata, slot))
    # arrays of cells last, because they are unfinished until all that belongs to them has been written
    for slot in ("uns", "varm", "obsm"):
        _update_group(adata.root, slot, getattr(adata, slot))
    _flush(adata.root)


def _flush(root: Any) -> None:
    """Make sure that other programs see what was written."""
    if isinstance(root, h5py.File):
        root.flush()
        return
    import zarr

    with warnings.catch_warnings():
        # anndata collects them as well
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        zarr.consolidate_metadata(root.store)


def _update_table(group: Any, table: pd.DataFrame) -> None:
    """Write the columns that are new or have changed; the index stays as it is."""
    before = list(group.attrs["column-order"])
    for name, values in table.items():
        if name in before:
            stored = read_elem(group[name])
            if stored.dtype == values.dtype and pd.Series(stored, index=table.index).equals(values):
                continue
        _write(group, name, values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array)
    for name in set(before) - set(table.columns):
        del group[name]
    group.attrs["column-order"] = list(table.columns)


def _write(group: Any, name: str, value: Any) -> None:
    if name in group:
        del group[name]
    write_elem(group, name, value)


def _update_group(root: Any, slot: str, values: Any) -> None:
    if slot not in root:
        write_elem(root, slot, {})
    group = root[slot]
    for name in set(group) - set(values):
        del group[name]
    for name, value in values.items():
        if not _is_there(value, group, name):
            _write(group, name, value)
        elif UNFINISHED in group[name].attrs:
            del group[name].attrs[UNFINISHED]


def _is_there(value: Any, group: Any, name: str) -> bool:
    """Return whether a value is itself the array on disk."""
    return name in group and getattr(value, "name", None) == group[name].name and type(value) is type(group[name])
