"""Output files: checked and tested before training, and never left half written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from crystallin._store import is_zarr

SUFFIXES = (".h5ad", ".zarr")


def check_out(out: Path, source: Path | None = None) -> None:
    """Raise unless ``--out`` names an AnnData file or store that can be written and is not the input."""
    kind = out.suffix.lower()
    if kind not in SUFFIXES:
        msg = f"--out {str(out)!r} must end in .h5ad or .zarr, as the result is AnnData."
        raise ValueError(msg)
    if source is not None and source.exists() and out.exists() and out.samefile(source):
        msg = f"--out is the input {str(source)!r}; give another file."
        raise ValueError(msg)
    if source is not None and source.is_dir() and source.resolve() in out.resolve().parents:
        msg = f"--out {str(out)!r} lies in the input {str(source)!r}; give another place."
        raise ValueError(msg)
    if out.is_dir() and (kind == ".h5ad" or (any(out.iterdir()) and not is_zarr(out))):
        msg = f"--out {str(out)!r} is a folder{'' if out.suffix == '.h5ad' else ' of other files'}; give another name."
        raise IsADirectoryError(msg)
    if out.is_file() and kind == ".zarr":
        msg = f"--out {str(out)!r} is a file, where a .zarr store is a folder; give another name."
        raise FileExistsError(msg)
    if out.exists() and not os.access(out, os.W_OK):
        msg = f"--out {str(out)!r} is there and must not be changed (no permission); give another name."
        raise PermissionError(msg)
    check_folder(out.absolute().parent, "--out")


def check_folder(folder: Path, option: str) -> None:
    """Raise unless a folder exists and can be written to, or can be created."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        msg = f"{option}: {str(nearest)!r} is a file, not a folder; give another place."
        raise NotADirectoryError(msg)
    if not os.access(nearest, os.W_OK | os.X_OK):
        msg = f"{option}: no permission to write in {str(nearest)!r}; give another place."
        raise PermissionError(msg)


@contextmanager
def folders(*wanted: Path) -> Iterator[None]:
    """Create folders, and remove those that are empty if an error follows."""
    made: list[Path] = []
    try:
        for folder in wanted:
            made.extend(path for path in (folder, *folder.parents) if not path.exists())
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in sorted(made, key=lambda path: -len(path.parts)):
            with suppress(OSError):
                folder.rmdir()
        raise


def try_out(adata: AnnData, out: Path) -> None:
    """Write all but the large matrices to a test file beside ``out``, to find before training what cannot be written.

    Raises
    ------
    ValueError
        If something cannot be written.
    """
    empty = {"obs": (adata.n_obs,) * 2, "var": (adata.n_vars,) * 2, "layer": adata.shape}
    sketch = AnnData(
        obs=adata.obs,
        var=adata.var,
        uns=dict(adata.uns),
        obsm={key: _slim(value) for key, value in adata.obsm.items()},
        varm={key: _slim(value) for key, value in adata.varm.items()},
        obsp={key: _nothing(empty["obs"]) for key in adata.obsp},
        varp={key: _nothing(empty["var"]) for key in adata.varp},
        layers={key: _nothing(empty["layer"]) for key in adata.layers if key is not None},
    )
    if adata.raw is not None:
        genes = {"var": adata.raw.var, "varm": dict(adata.raw.varm)}
        sketch.raw = AnnData(_nothing((adata.n_obs, adata.raw.n_vars)), obs=adata.obs[[]], **genes)
    try:
        with _beside(out) as partial:
            _write(sketch, partial)
    except OSError:
        raise
    except Exception as error:
        # anndata's error names the key that it was writing
        what = " ".join([f"{error}.", *getattr(error, "__notes__", [])])
        msg = f"The data cannot be written to {str(out)!r}: {what}. Mend or remove this part of the input first."
        raise ValueError(msg) from error


def write(adata: AnnData, out: Path) -> None:
    """Write AnnData to ``out``, which is left unchanged if this fails or is interrupted."""
    # replace the target of a link, not the link
    out = out.resolve()
    with _beside(out) as partial:
        _write(adata, partial)
        if out.is_dir():
            _swap(out, partial)
        else:
            partial.replace(out)


def _swap(out: Path, partial: Path) -> None:
    """Replace a folder by another, and restore it if this fails."""
    with _beside(out) as old:
        out.rename(old)
        try:
            partial.rename(out)
        except BaseException:
            old.rename(out)
            raise


def _slim(value: Any) -> Any:
    """Return only one column of an array of numbers, to save time, and other arrays unchanged."""
    if sparse.issparse(value):
        return _nothing(value.shape)
    return value[:, :1] if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "biuf" else value


def _nothing(shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix(shape, dtype=np.float32)


def _write(adata: AnnData, path: Path) -> None:
    if path.suffix.lower() == ".zarr":
        adata.write_zarr(path)
    else:
        adata.write_h5ad(path)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Yield a path for a file or store beside ``out``, which is removed in the end."""
    number = 0
    while (path := out.with_name(f".{out.stem}.part{number}{out.suffix}")).exists():
        number += 1
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
