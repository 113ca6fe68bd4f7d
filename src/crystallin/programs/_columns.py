"""Columns of a table of edges: find the ones needed, and those that may hold a direction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

WANTED = "Give one row per membership with columns source (program), target (gene) and optionally weight."
# other common names, which the message suggests to rename; they are not accepted, as a table may have several of them
USUAL = {
    "source": ("tf", "regulon", "pathway", "geneset", "gene_set", "gs_name", "program", "term", "set", "signature"),
    "target": ("gene", "genesymbol", "gene_symbol", "symbol", "gene_name", "target_gene"),
}
# common names of columns with a direction, and common words for "down"
DIRECTION = re.compile(
    r"likelihood|sign|sign_?decision|mode|mode_?of_?regulation|regulation|effect|.*direction|"
    r"(is_|consensus_)?(inhibition|stimulation|activation|repression)|.*(logfc|log2fc|lfc|fold_?changes?)"
)
DOWN = re.compile(r"neg|negative|negatively|down|down-?regulat\w*|repress\w*|inhibit\w*|decreas\w*|suppress\w*")


def plain(column: Any) -> str:
    """Return a column's name in lower case, without spaces at its ends."""
    return str(column).strip().lower()


def lacking(columns: Iterable[Any]) -> str:
    """Say which columns are missing and how to correct this; return an empty string if none is."""
    given = [str(column) for column in columns]
    names = [plain(column) for column in given]
    missing = [column for column in USUAL if column not in names]
    if not missing:
        return ""
    renamed = {given[names.index(usual)]: column for column in missing for usual in USUAL[column] if usual in names}
    hint = f" Rename columns, e.g. .rename(columns={renamed})." if renamed else ""
    return f"lacks column(s) {', '.join(missing)}; it has {', '.join(given) or 'none'}.{hint} {WANTED}"


def column_named(columns: Sequence[Any], name: str, what: str, *, also: str | None = None) -> int:
    """Return the position of the only column with this name (or the alternative one), in any case."""
    found = [i for i, column in enumerate(columns) if plain(column) in {name, also}]
    if len(found) > 1:
        listed = ", ".join(repr(str(columns[i])) for i in found)
        msg = f"{what} has several columns for {name}: {listed}. Keep one of them."
        raise ValueError(msg)
    return found[0]


def holds_direction(name: str, values: Sequence[Any]) -> bool:
    """Whether a column has the name of a direction, or holds negative numbers or words for "down"."""
    if DIRECTION.fullmatch(name):
        return True
    numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    words = {value.strip().lower() for value in values if isinstance(value, str)}
    return bool((numbers < 0).any()) or {"+", "-"} <= words or any(DOWN.fullmatch(word) for word in words)
