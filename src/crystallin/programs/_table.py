"""Gene sets from a table of edges: a DataFrame, or a file of comma- or tab-separated values."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._columns import column_named, holds_direction, lacking, plain
from ._edges import tidy, weight_of
from ._text import lines_of, text_of

# text that other software writes for missing values
MISSING = frozenset({"NA", "N/A", "#N/A", "NaN", "nan", "<NA>", "NULL", "None"})


def edges_from_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Read a DataFrame of edges."""
    labels = frame.index.tolist()
    return _edges(frame, "The table of programs", lambda i: f"Row {labels[i]!r} of the table of programs")


def edges_from_file(path: Path, usual: str) -> pd.DataFrame:
    """Read a file of edges with the usual separator of its type, or another one that its first line shows.

    Raises
    ------
    ValueError
        If a line cannot be read; the message gives its number.
    """
    lines = lines_of(text_of(path))
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.lower().startswith(("#", "sep="))), 0)
    separator = _separator(lines[start], usual)
    reader = csv.reader(
        (f"{line}\n" for line in lines[start:]), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        rows = [(start + reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except csv.Error as error:
        msg = f"{path.name}, line {start + reader.line_num}: {error}; check that quotation marks are closed."
        raise ValueError(msg) from error
    (_, header), *body = rows
    # R writes row names without a header for their column
    if body and all(len(row) == len(header) + 1 and row[-1].strip() for _, row in body):
        header = ["", *header]
    for number, row in body:
        if any(field.strip() for field in row[len(header) :]):
            msg = (
                f"{path.name}, line {number}: {len(row)} fields under {len(header)} columns; put quotation marks "
                f"around fields that contain {separator!r}."
            )
            raise ValueError(msg)
    filled = [["" if field in MISSING else field for field in row] for _, row in body]
    filled = [(row + [""] * len(header))[: len(header)] for row in filled]
    frame = pd.DataFrame(filled, columns=header, dtype=object)
    return _edges(frame, repr(path.name), lambda i: f"{path.name}, line {body[i][0]}")


def _separator(header: str, usual: str) -> str:
    """Return the separator with which the header has the required columns."""
    for separator in (usual, ",", "\t", ";", "|"):
        columns = next(csv.reader([header], delimiter=separator, skipinitialspace=True))
        if not lacking(columns):
            return separator
    return usual


def _edges(frame: pd.DataFrame, what: str, place: Callable[[int], str]) -> pd.DataFrame:
    if missing := lacking(frame.columns):
        msg = f"{what} {missing}"
        raise ValueError(msg)
    source, target = column_named(frame.columns, "source", what), column_named(frame.columns, "target", what)
    weights = _weights(frame, what, place)
    rows = zip(_values(frame, source), _values(frame, target), weights, strict=True)
    return tidy(rows, place, padded=False)


def _weights(frame: pd.DataFrame, what: str, place: Callable[[int], str]) -> Iterable[Any]:
    """Return the weights; 1 if the table has none, unless another column could hold a direction, which is an error."""
    names = [plain(column) for column in frame.columns]
    # decoupler's names for the weight, the current one first
    if "weight" in names or "mor" in names:
        weights = _values(frame, column_named(frame.columns, "weight", what, also="mor"))
        if "weight" in names or "likelihood" not in names:
            return weights
        likelihoods = _values(frame, column_named(frame.columns, "likelihood", what))
        return [_product(i, pair, place) for i, pair in enumerate(zip(weights, likelihoods, strict=True))]
    for i, name in enumerate(names):
        if name not in {"source", "target"} and holds_direction(name, _values(frame, i)):
            msg = (
                f"{what} has no column weight, but {str(frame.columns[i])!r} may hold directions. Rename it to weight "
                "(numbers, negative = down), or drop it if its values do not matter."
            )
            raise ValueError(msg)
    return [1.0] * len(frame)


def _product(i: int, pair: tuple[Any, Any], place: Callable[[int], str]) -> float:
    """Return mode of regulation times likelihood, as older versions of decoupler weighted genes."""
    try:
        return weight_of(pair[0]) * weight_of(pair[1])
    except ValueError as error:
        msg = f"{place(i)}: mor {pair[0]!r} and likelihood {pair[1]!r} cannot be multiplied to a weight; {error}."
        raise ValueError(msg) from error


def _values(frame: pd.DataFrame, position: int) -> list[Any]:
    return np.asarray(frame.iloc[:, position].astype(object), dtype=object).tolist()
