"""Read gene sets from wherever people keep them into one tidy table of edges."""

from __future__ import annotations

import gzip
import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ._immune import load_immune
from ._libraries import load_enrichr, load_msigdb

logger = logging.getLogger(__name__)

LOCAL_WAYS = 'a dict, a ".gmt" file, a DataFrame with columns source, target[, weight], or the built-in "immune"'


@dataclass(frozen=True)
class GeneSets:
    """Gene sets before any data is seen.

    Attributes
    ----------
    edges
        One row per membership: ``source`` (program), ``target`` (gene), ``weight`` (sign = direction), no duplicates,
        programs in the order given.
    origin
        Where the sets come from, in words.
    meta
        What is known about each program besides its genes, indexed by program name (may have no columns).
    """

    edges: pd.DataFrame
    origin: str
    meta: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_gene_sets(source: str | Path | Mapping[str, Iterable[str]] | pd.DataFrame) -> GeneSets:
    """Read gene sets from a dict, a file, a table of edges, a library's name or the built-in collection."""
    if isinstance(source, pd.DataFrame):
        return GeneSets(_edges_from_frame(source), "DataFrame")
    if isinstance(source, Mapping):
        return GeneSets(_edges_from_mapping(source), "dict")
    if isinstance(source, Path):
        return _read_path(source)
    if isinstance(source, str):
        return _read_string(source)
    msg = f"programs is a {type(source).__name__}; give {LOCAL_WAYS}, or a library as 'enrichr:NAME' or 'msigdb:NAME'."
    raise TypeError(msg)


def _read_string(source: str) -> GeneSets:
    if source == "immune":
        sets, meta = load_immune()
        return GeneSets(_edges_from_mapping(sets), "crystallin immune collection", meta)
    scheme, _, rest = source.partition(":")
    if scheme == "enrichr" and rest:
        return GeneSets(_edges_from_mapping(load_enrichr(rest)), f"Enrichr {rest}")
    if scheme == "msigdb" and rest:
        return GeneSets(_edges_from_mapping(load_msigdb(rest)), f"MSigDB {rest}")
    path = Path(source)
    if path.exists() or _is_gene_set_file(path):
        return _read_path(path)
    msg = (
        f"programs={source!r} is neither a file nor a collection known here; give {LOCAL_WAYS}, "
        "or a library as 'enrichr:NAME' or 'msigdb:NAME'."
    )
    raise ValueError(msg)


def _is_gene_set_file(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".gmt", ".csv", ".tsv"))


def _read_path(path: Path) -> GeneSets:
    if path.is_dir():
        msg = f"{str(path)!r} is a folder; give one of the files in it."
        raise IsADirectoryError(msg)
    if not path.is_file():
        msg = f"There is no gene-set file {str(path)!r}; check the path (given relative to {str(Path.cwd())!r})."
        raise FileNotFoundError(msg)
    if not _is_gene_set_file(path):
        msg = (
            f"{path.name!r} is not a kind of gene-set file known here; give a GMT file (.gmt, .gmt.gz) or a table of "
            "edges with columns source, target[, weight] (.csv, .tsv)."
        )
        raise ValueError(msg)
    stem = path.name.lower().removesuffix(".gz")
    if stem.endswith(".gmt"):
        return GeneSets(_edges_from_mapping(read_gmt(path)), path.name)
    frame = pd.read_csv(path, sep="," if stem.endswith(".csv") else "\t")
    return GeneSets(_edges_from_frame(frame), path.name)


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    """Read a GMT file with gseapy's reader, which splits on tabs only, so names may hold spaces.

    The reader wants an uncompressed file in the locale's encoding, keeps the empty fields of padded files and lets a
    repeated set name overwrite its first occurrence silently; this wrapper mends the first two and warns of the third.
    """
    from gseapy.parser import read_gmt as gseapy_read_gmt

    path = Path(path)
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw).decode("utf-8-sig")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "sets.gmt"
        # universal newlines on reading: CRLF and old Mac files come out alike
        plain.write_text("\n".join(text.splitlines()), encoding=None)
        sets = gseapy_read_gmt(str(plain))
    lines = [line.strip().split("\t") for line in text.splitlines()]
    repeated = [name for name, n in Counter(line[0] for line in lines if len(line) >= 3).items() if n > 1]
    if repeated:
        warnings.warn(
            f"{path.name}: {len(repeated)} set name(s) occur more than once and the last one counts: "
            f"{', '.join(repeated[:5])}.",
            UserWarning,
            stacklevel=2,
        )
    if not sets:
        msg = f"{path.name!r} holds no gene set: a GMT line is name<tab>description<tab>gene<tab>gene…"
        raise ValueError(msg)
    return {name: [gene for gene in genes if gene.strip()] for name, genes in sets.items()}


def _edges_from_mapping(sets: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    source: list[str] = []
    target: list[str] = []
    for name, genes in sets.items():
        if isinstance(genes, str | bytes) or not isinstance(genes, Iterable):
            msg = f"Program {name!r} maps to {genes!r}; give a list of gene names."
            raise TypeError(msg)
        members = [str(gene) for gene in genes]
        if not members:
            logger.warning("Program %r holds no genes and is left out.", str(name))
        source.extend([str(name)] * len(members))
        target.extend(members)
    return _edges_from_frame(pd.DataFrame({"source": source, "target": target}, dtype=object))


def _edges_from_frame(frame: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in ("source", "target") if column not in frame.columns]
    if missing:
        msg = (
            f"The table of programs lacks column(s) {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}. "
            "Give one row per membership with columns source (program), target (gene) and optionally weight."
        )
        raise ValueError(msg)
    if frame[["source", "target"]].isna().any(axis=None):
        msg = "The table of programs has missing values in source or target; drop those rows."
        raise ValueError(msg)
    weight = (
        pd.to_numeric(frame["weight"], errors="coerce") if "weight" in frame.columns else pd.Series(1.0, frame.index)
    )
    if not np.isfinite(weight).all():
        bad = frame.loc[~np.isfinite(weight)].iloc[0]
        msg = (
            f"Column weight of the table of programs must be finite numbers; {bad['source']!r} -> {bad['target']!r} "
            f"has {bad['weight']!r}. Drop the row or give a number (its sign is the direction)."
        )
        raise ValueError(msg)
    edges = pd.DataFrame(
        {
            "source": frame["source"].astype(str).str.strip().to_numpy(),
            "target": frame["target"].astype(str).str.strip().to_numpy(),
            "weight": weight.to_numpy(dtype=np.float32),
        }
    )
    if (edges["source"] == "").any():
        msg = "A program has no name; give every set one."
        raise ValueError(msg)
    edges = edges.loc[(edges["weight"] != 0) & (edges["target"] != "")]
    repeated = edges.duplicated(["source", "target"])
    if repeated.any():
        signs = edges.assign(sign=np.sign(edges["weight"])).groupby(["source", "target"], sort=False)["sign"].nunique()
        clashing = signs.index[signs > 1]
        if len(clashing):
            source, target = clashing[0]
            msg = f"Program {source!r} holds gene {target!r} with both signs; keep one row for each pair."
            raise ValueError(msg)
        logger.info("%d repeated memberships dropped (first one kept).", int(repeated.sum()))
    edges = edges.loc[~repeated].reset_index(drop=True)
    if edges.empty:
        msg = f"The programs hold no genes; give {LOCAL_WAYS}."
        raise ValueError(msg)
    return edges
