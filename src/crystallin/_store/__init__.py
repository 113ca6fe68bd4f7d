"""Data that stay on disk: opened, read by rows, and updated in place."""

from ._activity_rows import RowSource, activity_rows
from ._arrays import CHUNK_ROWS, Rows, activity_arrays, check_space
from ._open import is_zarr, open_store
from ._stored import StoredAnnData, closed_on_error, store_of
from ._update import update_store

__all__ = [
    "CHUNK_ROWS",
    "RowSource",
    "Rows",
    "StoredAnnData",
    "activity_arrays",
    "activity_rows",
    "check_space",
    "closed_on_error",
    "is_zarr",
    "open_store",
    "store_of",
    "update_store",
]
