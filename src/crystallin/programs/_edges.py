"""Convert names, genes and weights as users write them into a tidy table of edges."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

# zero-width characters and byte-order marks, which are copied from web pages and spreadsheets
INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
WHOLE = re.compile(r"(\d+)\.0+")
# several genes in one text: "CD3E CD3D", "CD3E, CD3D", "CD3E/CD3D"
LIST = re.compile(r"\w[\s,;|/]+\w")

Edge = tuple[Any, Any, Any]


def name_of(value: Any) -> str:
    """Return a program's or gene's name without spaces at its ends; ``""`` if it is missing.

    Whole numbers lose their decimals, because an Entrez id in a column with missing values is read as 7157.0.

    Raises
    ------
    TypeError
        If ``value`` is neither text nor a whole number.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str):
        # for a str that is also an Enum, str() would return the name of the member
        name = INVISIBLE.sub("", str.__str__(value)).replace("\u00a0", " ").strip()
        whole = WHOLE.fullmatch(name)
        return whole[1] if whole else name
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    is_number = isinstance(value, Real | np.number) and not isinstance(value, bool | np.bool_)
    if is_number and (math.isnan(value) or float(value).is_integer()):
        return "" if math.isnan(value) else str(int(value))
    msg = f"{value!r} is a {type(value).__name__}, not a name"
    raise TypeError(msg)


def weight_of(value: Any) -> float:
    """Return a weight that float32 can represent.

    Raises
    ------
    ValueError
        If it is not a finite number, or is a Boolean: ``False`` may mean "not a member" or "goes down".
    """
    # the most common case
    if type(value) is float and value == 1.0:
        return value
    if isinstance(value, bool | np.bool_):
        msg = "Booleans do not say whether False is 'down' or 'not a member'; give 1, -1 or 0"
        raise ValueError(msg)
    try:
        number = float(value) if isinstance(value, Real | np.number | str) and "_" not in str(value) else math.nan
    except (ValueError, TypeError, OverflowError):
        number = math.nan
    with np.errstate(over="ignore", under="ignore"):
        stored = float(np.float32(number))
    if not math.isfinite(stored) or (stored == 0) != (number == 0):
        msg = "weights must be finite numbers that single precision can hold; the sign is the direction"
        raise ValueError(msg)
    return number


def tidy(edges: Iterable[Edge], place: Callable[[int], str], *, padded: bool) -> pd.DataFrame:
    """Check edges and return them as ``source``, ``target``, ``weight``, in their order and each pair once.

    Parameters
    ----------
    edges
        Program, gene and weight of each membership, as they were given.
    place
        Returns where an edge was read, by its number, for messages.
    padded
        Whether missing genes are padding, as at the end of a line, and are left out. Otherwise they are an error.

    Raises
    ------
    ValueError
        If a name or a weight is missing or ambiguous.
    TypeError
        If a name is not text.
    """
    sources, targets, weights, at = [], [], [], []
    given: dict[str, Any] = {}
    known: dict[str, str] = {}
    n_missing: dict[str, int] = {}
    for i, (source, target, weight) in enumerate(edges):
        name, gene = _name(source, known, i, place), _name(target, known, i, place)
        if not padded and not (name and gene):
            msg = f"{place(i)}: missing values in source or target; name the program and the gene, or drop the row."
            raise ValueError(msg)
        _check_program(name, source, given, i, place)
        if not gene:
            n_missing[name] = n_missing.get(name, 0) + 1
            continue
        try:
            number = weight_of(weight)
        except ValueError as error:
            msg = f"{place(i)}: {name!r} -> {gene!r} has {weight!r} as its weight; {error}. Correct it or drop it."
            raise ValueError(msg) from error
        # a weight of zero means that the gene is not a member
        if number != 0:
            sources.append(name)
            targets.append(gene)
            weights.append(number)
            at.append(i)
    for name, n in n_missing.items():
        logger.warning("Program %r: %d missing gene name(s) left out.", name, n)
    table = pd.DataFrame(
        {
            "source": np.array(sources, dtype=object),
            "target": np.array(targets, dtype=object),
            "weight": np.array(weights, dtype=np.float32),
        }
    )
    for name in dict.fromkeys([*given, *targets]):
        _check_storable(name)
    _check_split(table, at, place)
    return _each_pair_once(table, at, place)


def _check_program(name: str, value: Any, given: dict[str, Any], i: int, place: Callable[[int], str]) -> None:
    """Raise on empty names, and on different spellings of one name; ``given`` holds the first spelling of each."""
    if not name:
        msg = f"{place(i)}: a program has no name; give every set one."
        raise ValueError(msg)
    first = given.setdefault(name, value)
    if first is not value and (first != value or isinstance(first, str) != isinstance(value, str)):
        msg = (
            f"{place(i)}: the programs {first!r} and {value!r} have the same name up to spaces and decimals; use one "
            "spelling, or give them different names."
        )
        raise ValueError(msg)


def _name(value: Any, known: dict[str, str], i: int, place: Callable[[int], str]) -> str:
    """Return a name as :func:`name_of` reads it; ``known`` caches names of text, because genes occur many times."""
    is_text = type(value) is str
    if is_text and value in known:
        return known[value]
    try:
        name = name_of(value)
    except (TypeError, UnicodeDecodeError) as error:
        msg = f"{place(i)}: {error}; names of programs and genes must be text or whole numbers."
        raise TypeError(msg) from error
    if is_text:
        known[value] = name
    return name


def _check_storable(name: str) -> None:
    """Raise on characters that no file can store: null characters and single surrogates."""
    try:
        is_storable = "\x00" not in name and bool(name.encode("utf-8"))
    except UnicodeEncodeError:
        is_storable = False
    if not is_storable:
        msg = f"The name {name!r} has a character that cannot be written to a file; rename this program or gene."
        raise ValueError(msg)


def _check_split(edges: pd.DataFrame, at: list[int], place: Callable[[int], str]) -> None:
    """Raise on a program whose only gene is a list of genes in one text, which would match nothing."""
    alone = np.flatnonzero(~edges["source"].duplicated(keep=False))
    for row in alone.tolist():
        if LIST.search(edges["target"].iloc[row]):
            msg = (
                f"{place(at[row])}: the only gene of program {edges['source'].iloc[row]!r} is "
                f"{edges['target'].iloc[row]!r}, which looks like several genes; give each of them separately (in a "
                "GMT file, separated by tabs)."
            )
            raise ValueError(msg)


def _each_pair_once(edges: pd.DataFrame, at: list[int], place: Callable[[int], str]) -> pd.DataFrame:
    """Drop repeated memberships, raising on those that contradict each other."""
    repeated = edges.duplicated(["source", "target"]).to_numpy()
    clashing = np.flatnonzero(repeated & ~edges.duplicated().to_numpy())
    if len(clashing):
        row = edges.iloc[clashing[0]]
        same_pair = (edges["source"] == row["source"]) & (edges["target"] == row["target"])
        values = edges.loc[same_pair, "weight"]
        what = "both signs" if (np.sign(values) != np.sign(values.iloc[0])).any() else "different weights"
        listed = ", ".join(f"{value:g}" for value in values.unique())
        msg = (
            f"{place(at[clashing[0]])}: program {row['source']!r} holds gene {row['target']!r} with {what} ({listed}); "
            "keep one of them."
        )
        raise ValueError(msg)
    if repeated.any():
        logger.info("%d repeated memberships dropped (first one kept).", int(repeated.sum()))
    return edges.loc[~repeated].reset_index(drop=True)
