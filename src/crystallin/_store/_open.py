"""Open an AnnData file or store, and find out whether it is complete."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from anndata.io import read_elem, sparse_dataset

from crystallin import _checks as checks

from ._stored import UNFINISHED, StoredAnnData

# what marks a folder as a zarr store
OF_ZARR = ("zarr.json", ".zgroup", ".zattrs")
# slots that are read into memory
IN_MEMORY = ("obs", "var", "uns", "varm")


def open_store(path: str | os.PathLike[str], *, mode: Literal["r+", "r"] = "r+") -> StoredAnnData:
    """Open an AnnData file whose counts are too large for the memory.

    Matrices of cells (``X``, layers and arrays in ``obsm``) stay on disk and are read by rows when they are needed.
    Columns, ``uns`` and ``varm`` are read into memory. Training reads windows of about 16,000 cells, made of random
    blocks, and shuffles the cells in each. :func:`crystallin.tl.activity` writes activities into the file; call
    :func:`crystallin.update_store` to write all other results.

    Parameters
    ----------
    path
        An ``.h5ad`` file or a ``.zarr`` store. Sparse matrices must be stored by cells (CSR). Files without
        compression are read fastest.
    mode
        ``"r+"`` opens the file for reading and writing, ``"r"`` for reading only; activities are then kept in memory.

    Returns
    -------
    AnnData that every function of crystallin accepts. ``obsp``, ``varp`` and ``raw`` stay in the file but are not
    shown. Use it in a ``with`` statement, or call its method ``close`` in the end.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    PermissionError
        If the file must not be changed and ``mode="r+"``.
    ValueError
        If it is not AnnData, is damaged or incomplete, or is open elsewhere.

    See Also
    --------
    crystallin.fit : Accepts a path, which it opens in this way.

    Examples
    --------
    >>> import crystallin as cr
    >>> cr.datasets.pbmc68k().write_h5ad("pbmc.h5ad")  # doctest: +SKIP
    >>> with cr.open_store("pbmc.h5ad") as adata:  # doctest: +SKIP
    ...     model = cr.fit(adata, "immune", layer="counts")
    ...     cr.tl.rank_programs_groups(adata, model, "bulk_labels")
    ...     cr.update_store(adata)
    """
    checks.check_choice(mode, "mode", ("r+", "r"))
    path = Path(path)
    if not path.exists():
        msg = f"There is no file {str(path)!r}; check the path."
        raise FileNotFoundError(msg)
    if mode == "r+" and not os.access(path, os.W_OK):
        msg = f'{str(path)!r} must not be changed (no permission). Open it with mode="r", or copy it first.'
        raise PermissionError(msg)
    root = _root(path, mode)
    try:
        return _read(path, root)
    except BaseException:
        getattr(root, "close", lambda: None)()
        raise


def _root(path: Path, mode: str) -> Any:
    try:
        if path.is_dir():
            if not is_zarr(path):
                msg = f"{str(path)!r} is a folder, but no zarr store. Give an .h5ad file or a .zarr store of AnnData."
                raise ValueError(msg)
            import zarr

            # metadata that were collected when the store was written do not know what is added
            return zarr.open_group(path, mode=mode, use_consolidated=False)
        return h5py.File(path, mode)
    except (OSError, KeyError) as error:
        msg = (
            f"{str(path)!r} could not be opened ({type(error).__name__}: {error}). It must be an .h5ad file or a .zarr "
            "store, complete, and open nowhere else."
        )
        raise ValueError(msg) from error


def _read(path: Path, root: Any) -> StoredAnnData:
    absent = [name for name in ("obs", "var") if name not in root]
    if absent:
        msg = f"{str(path)!r} is not AnnData: it has no {' and no '.join(absent)}, but {', '.join(root) or 'nothing'}."
        raise ValueError(msg)
    try:
        parts = {name: read_elem(root[name]) for name in IN_MEMORY if name in root}
    except Exception as error:
        msg = f"{str(path)!r} could not be read ({type(error).__name__}: {error}). Is it complete?"
        raise ValueError(msg) from error
    shape = len(parts["obs"]), len(parts["var"])
    x = _matrix(root["X"], "X", path, shape) if "X" in root else None
    groups: Mapping[str, Any] = root["layers"] if "layers" in root else {}
    layers = {name: _matrix(groups[name], f"layers[{name!r}]", path, shape) for name in groups}
    embeddings: Mapping[str, Any] = root["obsm"] if "obsm" in root else {}
    obsm = {name: _rows(embeddings[name]) for name in embeddings if UNFINISHED not in embeddings[name].attrs}
    adata = StoredAnnData(X=x, layers=layers, obsm=obsm, **parts)
    adata.path, adata.root = path, root
    return adata


def _matrix(stored: Any, name: str, path: Path, shape: tuple[int, int]) -> Any:
    """Return a matrix on disk; raise an error if a part of it is missing."""
    kind = stored.attrs.get("encoding-type", "array")
    if kind == "array":
        arrays, found = {name: stored}, tuple(stored.shape)
    elif kind in ("csr_matrix", "csc_matrix"):
        arrays = {part: stored[part] for part in ("indptr", "indices", "data") if part in stored}
        if len(arrays) < 3:
            raise ValueError(_damaged(path, name, f"it has {', '.join(arrays) or 'no arrays'} only"))
        found = tuple(np.asarray(stored.attrs["shape"]).tolist())
    else:
        msg = f"{name} of {str(path)!r} is stored as {kind!r}, which is no matrix of cells x genes."
        raise ValueError(msg)
    if found != shape:
        raise ValueError(_damaged(path, name, f"it is {found[0]} x {found[1]}, but there are {shape[0]} x {shape[1]}"))
    for problem in (_problem_of_chunks(array, part) for part, array in arrays.items()):
        if problem:
            raise ValueError(_damaged(path, name, problem))
    if kind == "array":
        return stored
    n_stored = int(arrays["indptr"][-1])
    n_found = min(arrays["data"].shape[0], arrays["indices"].shape[0])
    if n_found < n_stored:
        raise ValueError(_damaged(path, name, f"{n_stored} values are announced, but {n_found} stored"))
    return sparse_dataset(stored)


def _problem_of_chunks(array: Any, name: str) -> str:
    """Say whether chunks of a zarr array are missing, which would be read as zeros."""
    if not hasattr(array, "nchunks_initialized") or getattr(array, "shards", None) is not None:
        return ""
    missing = array.nchunks - array.nchunks_initialized
    return f"{missing} of the {array.nchunks} chunks of {name} are missing" if missing else ""


def _damaged(path: Path, name: str, why: str) -> str:
    return f"{name} of {str(path)!r} is damaged or incomplete: {why}. Write or copy the file again."


def _rows(stored: Any) -> Any:
    """Return an array on disk as it is, and anything else in memory."""
    return stored if stored.attrs.get("encoding-type", "array") == "array" else read_elem(stored)


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a zarr store."""
    return any((folder / name).exists() for name in OF_ZARR)
