"""Read gene sets from dicts, files, tables and libraries into one tidy table of edges."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ._gmt import edges_from_gmt
from ._immune import load_immune
from ._libraries import load_enrichr, load_msigdb
from ._mapping import edges_from_mapping
from ._table import edges_from_file, edges_from_frame

LOCAL_WAYS = 'a dict, a ".gmt" file, a DataFrame with columns source, target[, weight], or the built-in "immune"'
LIBRARIES = "a library as 'enrichr:NAME' or 'msigdb:NAME'"
# suffixes of compressed files; for those that cannot be read, the message is based on their content
COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
SEPARATORS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class GeneSets:
    """Gene sets, independent of any data.

    Attributes
    ----------
    edges
        One row per membership: ``source`` (program), ``target`` (gene), ``weight`` (sign = direction), no duplicates,
        programs in the order given.
    origin
        Description of where the sets come from.
    meta
        Further information about each program, indexed by program name (may have no columns).
    """

    edges: pd.DataFrame
    origin: str
    meta: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_gene_sets(source: str | os.PathLike[str] | Mapping[Any, Iterable[Any]] | pd.DataFrame) -> GeneSets:
    """Read gene sets from a dict, a file, a table of edges, a library's name or the built-in collection."""
    if isinstance(source, pd.DataFrame):
        sets = GeneSets(edges_from_frame(source), "DataFrame")
    elif isinstance(source, Mapping):
        sets = GeneSets(edges_from_mapping(source), "dict")
    elif isinstance(source, str):
        sets = _read_string(source)
    elif isinstance(source, os.PathLike):
        sets = _read_path(Path(source))
    else:
        named = " Give genes with the name of their program: {'name': [genes]}." if isinstance(source, Iterable) else ""
        msg = f"programs is a {type(source).__name__}; give {LOCAL_WAYS}, or {LIBRARIES}.{named}"
        raise TypeError(msg)
    if sets.edges.empty:
        msg = f"The programs hold no genes; give {LOCAL_WAYS}."
        raise ValueError(msg)
    return sets


def _read_string(source: str) -> GeneSets:
    if source == "immune":
        sets, meta = load_immune()
        return GeneSets(edges_from_mapping(sets), "crystallin immune collection", meta)
    scheme, _, rest = source.partition(":")
    if scheme == "enrichr" and rest:
        return GeneSets(edges_from_mapping(load_enrichr(rest)), f"Enrichr {rest}")
    if scheme == "msigdb" and rest:
        return GeneSets(edges_from_mapping(load_msigdb(rest)), f"MSigDB {rest}")
    path = Path(source)
    if source and (path.exists() or _kind(path)):
        return _read_path(path)
    msg = f"programs={source!r} is neither a file nor a known collection; give {LOCAL_WAYS}, or {LIBRARIES}."
    raise ValueError(msg)


def _read_path(path: Path) -> GeneSets:
    if path.is_dir():
        msg = f"{str(path)!r} is a folder; give one of the files in it."
        raise IsADirectoryError(msg)
    if not path.is_file():
        msg = f"There is no gene-set file {str(path)!r}; check the path (it is relative to {str(Path.cwd())!r})."
        raise FileNotFoundError(msg)
    kind = _kind(path)
    if not kind:
        msg = (
            f"{path.name!r} is not a supported type of gene-set file; give a GMT file (.gmt, .gmt.gz) or a table of "
            "edges with columns source, target[, weight] (.csv, .tsv)."
        )
        raise ValueError(msg)
    edges = edges_from_gmt(path) if kind == ".gmt" else edges_from_file(path, SEPARATORS[kind])
    return GeneSets(edges, path.name)


def _kind(path: Path) -> str:
    """Return the suffix of a supported type of file, without that of its compression; an empty string for others."""
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return next((suffix for suffix in (".gmt", *SEPARATORS) if name.endswith(suffix)), "")
