"""The files of an exported model, in a folder or a zip archive: written as a whole, and read with checks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from crystallin import _checks as checks

WEIGHTS, MODEL, CARD, CHECKSUMS = "weights.safetensors", "model.json", "README.md", "checksums.json"
# no other names are ever read, and none is taken from a file
MEMBERS = (WEIGHTS, MODEL, CARD, CHECKSUMS)
# largest sizes in bytes, far above those of real models: a file that claims more is not read
LIMITS = {WEIGHTS: 2**31, MODEL: 2**28, CARD: 2**24, CHECKSUMS: 2**16}
REMEDY = "Copy or download it again."


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise an error if a model cannot be written to this path."""
    if path.parent.exists() and not path.parent.is_dir():
        msg = f"{str(path.parent)!r} is a file. Give a path in a folder."
        raise NotADirectoryError(msg)
    if not (path.exists() or path.is_symlink()):
        return
    if not overwrite:
        msg = f"There is something at {str(path)!r} already. Give another path, or overwrite=True."
        raise FileExistsError(msg)
    if path.is_symlink() or path.is_dir() == is_archive(path):
        kind, there = ("file", "folder") if is_archive(path) else ("folder", "file")
        there = "link" if path.is_symlink() else there
        msg = f"{str(path)!r} is a {there} and cannot be replaced by a {kind}. Remove it, or give another path."
        raise FileExistsError(msg)
    others = [] if is_archive(path) else sorted(entry.name for entry in path.iterdir() if entry.name not in MEMBERS)
    if others:
        # what other people keep there is not ours to remove
        msg = (
            f"The folder {str(path)!r} holds files that are not of an exported model, and is not overwritten: "
            f"{checks.some(others)}. Give another path."
        )
        raise FileExistsError(msg)


def is_archive(path: Path) -> bool:
    """Whether a model at this path is a single file."""
    return path.suffix.lower() == ".zip"


def write_members(path: Path, members: Mapping[str, bytes]) -> None:
    """Write the files of a model and their checksums, so that at any time all of them are there or none is."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    members = {**members, CHECKSUMS: json.dumps(sums, indent=2).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
    try:
        if is_archive(path):
            _write_archive(partial, members)
            os.replace(partial, path)
        else:
            partial.mkdir()
            for name, content in members.items():
                (partial / name).write_bytes(content)
            _replace_folder(partial, path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)


def _write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            # without the time, so that the same model gives the same file
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def _replace_folder(new: Path, path: Path) -> None:
    """Put a folder in the place of another one, which comes back if this fails."""
    if not path.exists():
        os.replace(new, path)
        return
    old = new.with_suffix(".old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old)


class Members:
    """The files of an exported model, each of which is read once and checked.

    Parameters
    ----------
    path
        Folder or zip archive.

    Raises
    ------
    FileNotFoundError, ValueError
        If this is not a complete exported model.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            msg = f"There is nothing at {str(path)!r}. Give a folder or .zip file that ProgramVAE.export wrote."
            raise FileNotFoundError(msg)
        self.archive: zipfile.ZipFile | None = None
        if not path.is_dir():
            self.archive = _opened(path)
        try:
            self._check_kind()
            self.sums = self._checksums()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Members:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive."""
        if self.archive is not None:
            self.archive.close()

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise an error if it is not what was exported."""
        content = self._content(name)
        if hashlib.sha256(content).hexdigest() != self.sums.get(name):
            msg = (
                f"{name} in {str(self.path)!r} is not the file that was exported: its SHA-256 checksum differs from "
                f"that in {CHECKSUMS}. {REMEDY}"
            )
            raise ValueError(msg)
        return content

    def read_card(self) -> tuple[str | None, bool]:
        """Return the model card, if there is one, and whether it was changed since it was exported."""
        if CARD not in self._names():
            return None, False
        content = self._content(CARD)
        return content.decode("utf-8", "replace"), hashlib.sha256(content).hexdigest() != self.sums.get(CARD)

    def _names(self) -> list[str]:
        if self.archive is not None:
            return self.archive.namelist()
        return [entry.name for entry in self.path.iterdir()]

    def _content(self, name: str) -> bytes:
        """Return the content of a file that is not larger than its limit."""
        limit = LIMITS[name]
        try:
            if self.archive is not None:
                entry = self.archive.getinfo(name)
                _check_size(self.path, name, entry.file_size)
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    msg = f"it is compressed by method {entry.compress_type}"
                    raise zipfile.BadZipFile(msg)
                # bytes, unlike the built-in function of that name
                opened = self.archive.open
                with opened(name) as file:
                    return _read(file, limit)
            path = self.path / name
            if not path.is_file():
                raise KeyError(name)
            _check_size(self.path, name, path.stat().st_size)
            with path.open("rb") as file:
                return _read(file, limit)
        except KeyError:
            msg = f"The exported model at {str(self.path)!r} is incomplete, without {name}. {REMEDY}"
            raise FileNotFoundError(msg) from None
        # damage in an archive, and what zipfile raises on kinds that it cannot read and on encrypted files
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
            msg = f"{name} in {str(self.path)!r} cannot be read ({error}). {REMEDY}"
            raise ValueError(msg) from error

    def _check_kind(self) -> None:
        """Raise an error if the files are those of something else."""
        names = self._names()
        if MODEL in names or CHECKSUMS in names:
            return
        saved = [name for name in names if name.endswith("model.pt")]
        if saved:
            msg = (
                f"{str(self.path)!r} was written by ProgramVAE.save. Load it with ProgramVAE.load({str(self.path)!r})."
            )
        elif "ensemble.json" in names:
            msg = f"{str(self.path)!r} was written by ProgramEnsemble.save. Load it with ProgramEnsemble.load."
        elif any(name.endswith("/data.pkl") for name in names):
            msg = (
                f"{str(self.path)!r} is a file of PyTorch, which is not opened here because it may run any code. If "
                "ProgramVAE.save wrote it, load its folder with ProgramVAE.load."
            )
        else:
            listed = checks.some(sorted(names)) or "nothing"
            msg = f"{str(self.path)!r} is not a model that ProgramVAE.export wrote: it has no {MODEL}, but {listed}."
            inside = sorted(name for name in names if name.endswith(f"/{MODEL}"))
            if inside:
                msg += (
                    f" Put the files of the folder {inside[0].removesuffix(f'/{MODEL}')!r} at the top of the archive."
                )
        raise ValueError(msg)

    def _checksums(self) -> Mapping[str, Any]:
        sums = parsed(self._content(CHECKSUMS), CHECKSUMS, self.path)
        if not isinstance(sums, dict):
            msg = f"{CHECKSUMS} in {str(self.path)!r} is damaged. {REMEDY}"
            raise ValueError(msg)
        return sums


def parsed(content: bytes, name: str, path: Path) -> Any:
    """Return the value in a JSON file."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        msg = f"{name} in {str(path)!r} is damaged ({type(error).__name__}: {error}). {REMEDY}"
        raise ValueError(msg) from error


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        msg = (
            f"{str(path)!r} is incomplete or not a .zip file. Give a folder or .zip file that ProgramVAE.export wrote. "
            f"If it is one, copy or download it again."
        )
        raise ValueError(msg) from error


def _check_size(path: Path, name: str, size: int) -> None:
    if size > LIMITS[name]:
        msg = f"{name} in {str(path)!r} has {size:,} bytes, more than the {LIMITS[name]:,} that are read. {REMEDY}"
        raise ValueError(msg)


def _read(file: BinaryIO | Any, limit: int) -> bytes:
    # a file may grow after its size was checked
    content = file.read(limit + 1)
    if len(content) > limit:
        msg = "it is larger than it says"
        raise EOFError(msg)
    return content
