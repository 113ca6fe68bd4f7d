"""Write gene sets as a GMT file, with their provenance."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._columns import column_named, plain
from ._edges import name_of
from ._gmt import LIKE_WEIGHTED, WEIGHTED
from ._sources import read_gene_sets

logger = logging.getLogger(__name__)

SUFFIX, SIDECAR = ".gmt", ".provenance.tsv"
EDGE, ORIGIN, ADDED = ["source", "target"], "origin", "added"
# characters that separate fields and lines
SEPARATORS = ("\t", "\n", "\r")


def write_gmt(programs: Mapping[Any, Iterable[Any]] | pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write gene sets as a GMT file, which other tools and :func:`crystallin.pp.add_programs` read.

    Each line is a set: its name, a description, and its genes, separated by tabs. The description gives the number of
    genes. If the table has a column ``origin``, as that of :func:`crystallin.get.completed_programs`, the description
    also says how many genes are original and how many were added, and a second file beside the first one, ending in
    ``.provenance.tsv``, holds all columns of the table with one line for each gene of each set.

    Parameters
    ----------
    programs
        A dict from the name of a set to its genes, or to a dict or Series from gene to weight; or a DataFrame with
        columns ``source``, ``target`` and optionally ``weight`` and ``origin``. If the weights of a set are not all 1,
        they are written as in Enrichr's files, ``CD3E,-1``.
    path
        File to write, ending in ``.gmt``. An existing file is replaced. The folder must exist.

    Returns
    -------
    The path of the GMT file.

    Raises
    ------
    TypeError
        If ``programs`` is neither a dict nor a DataFrame, or a name is not text.
    ValueError
        If a set has no genes, a name contains a tab or a line break or would be read as something else, a gene has
        two weights in the same set, or the path does not end in ``.gmt``.
    FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError
        If ``path`` cannot be written, before any work is done.

    Examples
    --------
    >>> import crystallin as cr
    >>> cr.write_gmt({"B cell": ["CD79A", "MS4A1"], "T cell": {"CD3E": 1, "CD79A": -1}}, "sets.gmt")  # doctest: +SKIP
    >>> cr.write_gmt(cr.get.completed_programs(adata), "completed.gmt")  # doctest: +SKIP
    """
    if not isinstance(programs, Mapping | pd.DataFrame):
        msg = (
            f"programs is a {type(programs).__name__}; give a dict from name to genes, or a DataFrame with columns "
            "source, target[, weight, origin], and the path as second argument."
        )
        raise TypeError(msg)
    path = _check_path(path)
    edges = read_gene_sets(programs).edges
    about = _about(programs) if isinstance(programs, pd.DataFrame) else None
    names = list(programs) if about is None else about["source"]
    _check_names(names, edges)
    if about is not None:
        # edges of weight 0 and repeated ones are not members
        edges = edges.merge(about.drop_duplicates(EDGE), on=EDGE, how="left", validate="one_to_one")
    attrs = programs.attrs if isinstance(programs, pd.DataFrame) else {}
    lines = (_line(str(name), part, attrs) for name, part in edges.groupby("source", sort=False))
    sidecar = path.with_suffix(SIDECAR)
    files = {path: "".join(f"{line}\n" for line in lines)}
    if ORIGIN in edges:
        files[sidecar] = edges.to_csv(sep="\t", index=False, lineterminator="\n")
    elif sidecar.exists():
        logger.warning("%s is of an earlier file; what was written now has no origin of genes.", sidecar.name)
    _write(files)
    return path


def _about(frame: pd.DataFrame) -> pd.DataFrame:
    """Return names as the reader writes them, and all further columns but the weight."""
    given = [plain(column) for column in frame.columns]
    place = {name: column_named(frame.columns, name, "The table of programs") for name in EDGE}
    names = {name: [name_of(value) for value in frame.iloc[:, i]] for name, i in place.items()}
    others = [i for i, name in enumerate(given) if name not in (*EDGE, "weight", "mor")]
    rest = frame.iloc[:, others].reset_index(drop=True)
    # the origin is found in any case, as the other columns are
    rest.columns = [ORIGIN if given[i] == ORIGIN else str(frame.columns[i]) for i in others]
    if not rest.columns.is_unique:
        repeated = rest.columns[rest.columns.duplicated()][0]
        msg = f"The table of programs has several columns {repeated!r}. Keep one of them."
        raise ValueError(msg)
    return pd.concat([pd.DataFrame(names, dtype=object), rest], axis=1)


def _check_names(names: Iterable[Any], edges: pd.DataFrame) -> None:
    """Raise on sets without genes, and on names that a GMT file cannot hold."""
    kept = set(edges["source"])
    empty = [name for name in dict.fromkeys(map(name_of, names)) if name not in kept]
    if empty:
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        listed = ", ".join(map(repr, empty[:5]))
        msg = f"Set(s) without genes: {listed}{more}. A GMT file cannot hold them; leave them out."
        raise ValueError(msg)
    for column, what in (("source", "set"), ("target", "gene")):
        for name in edges[column].unique():
            if any(mark in name for mark in SEPARATORS):
                msg = (
                    f"The name of the {what} {name!r} contains a tab or a line break, which separate the fields and "
                    "lines of a GMT file; rename it."
                )
                raise ValueError(msg)
            if what == "gene" and WEIGHTED.fullmatch(name):
                msg = f"The gene {name!r} would be read as a gene with a weight; rename it, or give the weight as one."
                raise ValueError(msg)


def _line(name: str, part: pd.DataFrame, attrs: Mapping[Any, Any]) -> str:
    has_weights = bool((part["weight"] != 1).any())
    genes = (_field(*edge, has_weights) for edge in zip(part["target"], part["weight"], strict=True))
    return "\t".join(map(_quoted, [name, _description(part, attrs), *genes]))


def _description(part: pd.DataFrame, attrs: Mapping[Any, Any]) -> str:
    """Return the number of genes by origin, in words."""
    text = f"{len(part):,} gene{'' if len(part) == 1 else 's'}"
    if ORIGIN not in part:
        return text
    # a missing origin is not named
    origins = part[ORIGIN].dropna().astype(str).str.split().str.join(" ")
    n = {name: int((origins == name).sum()) for name in origins.unique() if name}
    if set(n) == {"original"} or not n:
        return text
    text += f": {', '.join(f'{count:,} {name}' for name, count in n.items())}"
    if ADDED in n and attrs.get("crystallin"):
        text += f" by an audit of crystallin {attrs['crystallin']}"
        text += f" (fdr {attrs['fdr']:g})" if isinstance(attrs.get("fdr"), int | float) else ""
    return text


def _field(gene: str, weight: float, has_weights: bool) -> str:
    """Return a gene, with its weight where the set has weights or the gene alone would not be read as a name."""
    if not has_weights and not ("*" not in gene and LIKE_WEIGHTED.search(gene)):
        return gene
    return f"{gene},{str(np.float32(weight)).removesuffix('.0')}"


def _quoted(field: str) -> str:
    """Put quotation marks around a field that the reader would take for a comment, or take quotation marks from."""
    is_quoted = len(field) >= 2 and field[0] == field[-1] == '"'
    return '"' + field.replace('"', '""') + '"' if is_quoted or field.startswith("#") else field


def _check_path(path: Any) -> Path:
    """Return the path, raising unless a GMT file can be written there."""
    if not isinstance(path, str | os.PathLike):
        msg = f"path is a {type(path).__name__}; give the path of a file that ends in {SUFFIX}."
        raise TypeError(msg)
    path = Path(path)
    if path.is_dir():
        msg = f"path={str(path)!r} is a folder; name a file in it, e.g. {str(path / 'programs.gmt')!r}."
        raise IsADirectoryError(msg)
    if path.suffix.lower() != SUFFIX:
        msg = f"path={str(path)!r} must end in {SUFFIX}, by which readers recognise the format."
        raise ValueError(msg)
    folder = path.parent
    if not folder.exists():
        msg = f"path={str(path)!r}: the folder {str(folder)!r} does not exist; create it (pathlib.Path(…).mkdir())."
        raise FileNotFoundError(msg)
    if not folder.is_dir():
        msg = f"path={str(path)!r}: {str(folder)!r} is a file, not a folder."
        raise NotADirectoryError(msg)
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"path={str(path)!r} cannot be written: no permission for {str(folder)!r}; choose another path."
        raise PermissionError(msg)
    return path


def _write(files: Mapping[Path, str]) -> None:
    """Write all files beside their places first, so that a failure leaves the earlier ones as they were."""
    partial = {path: path.with_name(f".{path.name}.part") for path in files}
    try:
        for path, text in files.items():
            partial[path].write_text(text, encoding="utf-8", newline="\n")
        for path, written in partial.items():
            # the target of a link is replaced, not the link
            written.replace(path.resolve())
    finally:
        for written in partial.values():
            with suppress(FileNotFoundError):
                written.unlink()
