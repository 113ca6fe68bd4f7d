"""Read counts from files of several formats, or say how to convert others."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anndata import AnnData

from crystallin._store import is_zarr

logger = logging.getLogger(__name__)

READABLE = (
    "an AnnData file (.h5ad) or store (.zarr), a .h5 file of Cell Ranger, or a folder of Cell Ranger with matrix.mtx"
)
# how to convert formats that are not supported, by suffix
CONVERT = {
    ".loom": "anndata.io.read_loom(path).write_h5ad(...)",
    ".mtx": "give the folder that also holds the barcodes and the features (genes)",
    ".csv": "anndata.io.read_csv(path) (cells in rows), then write_h5ad",
    ".tsv": "anndata.io.read_csv(path, delimiter='\\t') (cells in rows), then write_h5ad",
    ".txt": "anndata.io.read_text(path) (cells in rows), then write_h5ad",
    ".h5mu": "mudata.read_h5mu(path)['rna'].write_h5ad(...)",
    ".rds": "in R: zellkonverter::writeH5AD, or SeuratDisk",
    ".h5seurat": "in R: SeuratDisk::Convert(path, dest = 'h5ad')",
    ".xlsx": "save it as .csv, anndata.io.read_csv, then write_h5ad",
}
ALIGNED = ("obsm", "varm", "obsp", "varp", "layers", "raw/varm")


class _UnknownKind(ValueError):
    """A file in a format that is not supported."""


def read_counts(path: Path) -> AnnData:
    """Read AnnData or the output of Cell Ranger, with names made unique.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If its format is not supported, or it is damaged.
    """
    if not path.exists():
        msg = f"There is no file {str(path)!r}; check the path."
        raise FileNotFoundError(msg)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*names are not unique", category=UserWarning)
            # of groups that a slash in a key made
            warnings.filterwarnings("ignore", message=".*without encoding metadata")
            adata = _reader(path)(path)
    except _UnknownKind:
        raise
    except Exception as error:
        msg = f"{str(path)!r} could not be read ({type(error).__name__}: {error}). Is it complete? Give {READABLE}."
        raise ValueError(msg) from error
    for axis in ("obs", "var"):
        names = getattr(adata, f"{axis}_names")
        if not names.is_unique:
            logger.warning(
                "%d %s_names occur more than once (%s, …) and were made unique by a suffix.",
                int(names.duplicated().sum()),
                axis,
                names[names.duplicated()][0],
            )
            getattr(adata, f"{axis}_names_make_unique")()
    return adata


def _reader(path: Path) -> Any:
    """Return the function that reads this format, which is recognised by the content of the file."""
    import anndata
    import h5py

    if path.is_dir():
        if is_zarr(path):
            return anndata.read_zarr
        if any((path / name).exists() for name in ("matrix.mtx", "matrix.mtx.gz")):
            return _read_10x_folder
        msg = f"{str(path)!r} is a folder without a zarr store or a matrix.mtx; give {READABLE}."
        raise _UnknownKind(msg)
    content = ""
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            if {"obs", "var"} <= set(file):
                return _read_nested if _has_nested(file) else anndata.read_h5ad
            groups = [group for group in file.values() if isinstance(group, h5py.Group)]
            if any("barcodes" in group for group in groups):
                return _read_10x_h5
            content = (
                f"It is HDF5, but neither AnnData (no obs and var) nor of Cell Ranger (no barcodes); it holds "
                f"{', '.join(file) or 'nothing'}. "
            )
    msg = f"{str(path)!r} is no file of counts known here. {content}{_how_to_convert(path)}"
    raise _UnknownKind(msg)


def _how_to_convert(path: Path) -> str:
    kind = next((suffix for suffix in CONVERT if path.name.lower().removesuffix(".gz").endswith(suffix)), "")
    if kind:
        return f"Convert it first: {CONVERT[kind]}."
    with path.open("rb") as start:
        is_gzip = start.read(2) == b"\x1f\x8b"
    return "It is compressed: unpack it first (gunzip)." if is_gzip else f"Give {READABLE}; is the file complete?"


def _read_10x_h5(path: Path) -> AnnData:
    import scanpy as sc

    logger.info("Reading genes of the Cell Ranger file %s (other features such as proteins are left out).", path)
    return sc.read_10x_h5(path, gex_only=True)


def _read_10x_folder(path: Path) -> AnnData:
    import scanpy as sc

    logger.info("Reading genes of the Cell Ranger folder %s (other features such as proteins are left out).", path)
    return sc.read_10x_mtx(path, make_unique=False, gex_only=True)


def _has_nested(file: Any) -> bool:
    """Whether keys with slashes made groups within groups, which anndata writes and cannot read."""
    import h5py

    # before version 0.7 these were no groups
    slots = [file[slot] for slot in ALIGNED if isinstance(file.get(slot), h5py.Group)]
    groups = [group for slot in slots for group in slot.values() if isinstance(group, h5py.Group)]
    # all that anndata wrote under its own key says what it is
    return any(not {"encoding-type", "h5sparse_format"} & set(group.attrs) for group in groups)


def _read_nested(path: Path) -> AnnData:
    """Read an .h5ad file whose obsm, layers and the like have keys with slashes."""
    import h5py
    from anndata.io import read_elem

    with h5py.File(path, "r") as file:
        parts = {slot: read_elem(file[slot]) for slot in ("X", "obs", "var", "uns", "raw/X", "raw/var") if slot in file}
        parts.update({slot: _flat(read_elem(file[slot])) for slot in ALIGNED if slot in file})
    raw = {slot.removeprefix("raw/"): parts.pop(slot) for slot in list(parts) if slot.startswith("raw/")}
    return AnnData(**parts, raw=raw or None)


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return a flat dict whose keys are those of a nested dict joined by slashes."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat.update(_flat(value, f"{above}{key}/") if isinstance(value, dict) else {f"{above}{key}": value})
    return flat
