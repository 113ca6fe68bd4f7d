"""GMT files: one set per line, name<tab>description<tab>gene<tab>gene…"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ._descriptions import has_descriptions
from ._edges import Edge, tidy
from ._text import lines_of, text_of

logger = logging.getLogger(__name__)

FORM = "name<tab>description<tab>gene<tab>gene…"
WEIGHTED = re.compile(r"(.+),\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:nan|inf))", re.IGNORECASE)

# a comma, or a number after another mark, in a field that is not a gene and its weight
LIKE_WEIGHTED = re.compile(r",|[:;]\s*[+\-\u2212]?\d+(\.\d*)?$|\([+\-\u2212]?\d+(\.\d*)?\)$")


class Line(NamedTuple):
    """A set whose second field may be a description or a gene."""

    number: int
    name: str
    fields: list[str]


def read_gmt(path: str | Path, *, fallback: str | None = None) -> dict[str, Any]:
    """Read a GMT file into a dict from set name to a list of genes, or to a dict from gene to weight.

    Fields are split at tabs only, so names may contain spaces. Weights are written as in Enrichr's files, ``CD3E,1.0``.
    ``fallback`` is the encoding to try if the file is not UTF-8.
    """
    edges = edges_from_gmt(Path(path), fallback=fallback)
    sets: dict[str, Any] = {}
    for name, part in edges.groupby("source", sort=False):
        genes, weights = part["target"].tolist(), part["weight"].tolist()
        sets[str(name)] = genes if set(weights) == {1.0} else dict(zip(genes, weights, strict=True))
    return sets


def edges_from_gmt(path: Path, *, fallback: str | None = None) -> pd.DataFrame:
    """Read the edges of a GMT file.

    Raises
    ------
    ValueError
        If a line cannot be read as a set; the message gives its number.
    """
    lines = _once(_lines(text_of(path, fallback), path.name), path.name)
    skip = 1 if has_descriptions(lines, path.name) else 0
    edges: list[Edge] = []
    numbers: list[int] = []
    for line in lines:
        members = line.fields[skip:]
        if not any(members):
            logger.warning("%s, line %d: set %r holds no genes and is left out.", path.name, line.number, line.name)
        # spreadsheets pad lines with empty fields
        edges.extend((line.name, *_weighted(field, line, path.name)) for field in members if field)
        numbers.extend([line.number] * (len(edges) - len(numbers)))
    if not edges:
        msg = f"{path.name!r} holds no gene set: a GMT line is {FORM}"
        raise ValueError(msg)
    return tidy(edges, lambda i: f"{path.name}, line {numbers[i]}", padded=True)


def _lines(text: str, file: str) -> list[Line]:
    """Return the fields of each line that is neither blank nor a comment."""
    lines = []
    for number, line in enumerate(lines_of(text), start=1):
        if not line.strip():
            continue
        if line.startswith("#"):
            logger.warning("%s, line %d: begins with '#' and is read as a comment.", file, number)
            continue
        if "\t" not in line:
            msg = (
                f"{file}, line {number}: {line[:60]!r} has no tab. A GMT line is {FORM} and spaces or commas do not "
                "separate fields, because names may contain them."
            )
            raise ValueError(msg)
        name, *fields = (_unquoted(field.strip()) for field in line.split("\t"))
        if not name:
            msg = (
                f"{file}, line {number}: the set has no name, because the line begins with a tab. A GMT line is {FORM}"
            )
            raise ValueError(msg)
        lines.append(Line(number, name, fields))
    return lines


def _unquoted(field: str) -> str:
    """Return a field without the quotation marks that spreadsheets put around it."""
    is_quoted = len(field) >= 2 and field[0] == field[-1] == '"'
    return field[1:-1].replace('""', '"').strip() if is_quoted else field


def _weighted(field: str, line: Line, file: str) -> tuple[str, str | float]:
    """Return gene and weight of ``CD3E,1.0``; a gene alone has weight 1."""
    found = WEIGHTED.fullmatch(field)
    # HLA alleles such as HLA-A*02:01 are names
    if found is None and ("*" in field or not LIKE_WEIGHTED.search(field)):
        return field, 1.0
    gene, weight = found.groups() if found else (field, "")
    if not found or WEIGHTED.fullmatch(gene):
        msg = (
            f"{file}, line {line.number}: {field!r} of set {line.name!r} is not a gene and its weight; write decimals "
            "with a point, CD3E,1.5, and separate genes by tabs."
        )
        raise ValueError(msg)
    return gene, weight


def _once(lines: list[Line], file: str) -> list[Line]:
    """Drop lines that repeat a set exactly; raise on different sets with the same name."""
    first: dict[str, Line] = {}
    for line in lines:
        other = first.setdefault(line.name, line)
        if sorted(filter(None, other.fields)) != sorted(filter(None, line.fields)):
            msg = (
                f"{file}, lines {other.number} and {line.number}: two sets are named {line.name!r}; rename or "
                "join them."
            )
            raise ValueError(msg)
    if len(first) < len(lines):
        logger.info("%s: %d repeated line(s) dropped.", file, len(lines) - len(first))
    return list(first.values())
