"""The AnnData of a file or store whose large arrays stay there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anndata import AnnData

# attribute of arrays on disk that are not complete, or whose parameters have not been written yet
UNFINISHED = "crystallin-unfinished"


class StoredAnnData(AnnData):
    """AnnData whose counts and cell embeddings stay on disk, as :func:`crystallin.open_store` returns it.

    Columns, tables and everything else are in memory. A part of the cells, ``adata[mask].to_memory()``, is an ordinary
    AnnData, which every function of scanpy accepts.

    Attributes
    ----------
    path
        The file or folder.
    root
        Its open HDF5 file or zarr group; ``None`` after :meth:`close`.
    """

    path: Path
    root: Any = None

    def close(self) -> None:
        """Close the file. Changes since the last :func:`crystallin.update_store` are not written."""
        close = getattr(self.root, "close", None)
        self.root = None
        if close is not None:
            close()

    def __enter__(self) -> StoredAnnData:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def copy(self, filename: Any = None) -> AnnData:
        """Raise, because the data may be larger than the memory."""
        msg = (
            f"These data are in {str(self.path)!r}, and a copy may not fit into memory. Use adata.to_memory() or, for "
            "some of the cells, adata[mask].to_memory()."
        )
        raise ValueError(msg)

    def __repr__(self) -> str:
        return f"{super().__repr__()}\n    on disk: {str(self.path)!r}"


@contextmanager
def closed_on_error(adata: StoredAnnData) -> Iterator[StoredAnnData]:
    """Close the file if the block raises an error."""
    try:
        yield adata
    except BaseException:
        adata.close()
        raise


def store_of(adata: Any) -> StoredAnnData | None:
    """Return the data if they are open for writing in a store, or ``None``."""
    if isinstance(adata, StoredAnnData) and not adata.is_view and adata.root is not None and is_writable(adata.root):
        return adata
    return None


def is_writable(root: Any) -> bool:
    """Return whether an open HDF5 file or zarr group accepts changes."""
    return root.mode != "r" if hasattr(root, "mode") else not root.read_only
