"""Values as they are shown on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

# significant digits of a number in the data of the page
STORED_DIGITS = 6
# number of names that are shown of a list
MAX_NAMES = 12
# below which numbers are written with an exponent, from which on without decimals, and whole ones as they are
SMALL, LARGE, HUGE = 1e-3, 100, 1e15


def as_number(value: Any) -> int | float | str | None:
    """Return a number for JSON with six digits; ``None`` for NaN, and a word for infinite values."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int):
        return value
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    rounded = float(f"{value:.{STORED_DIGITS}g}")
    # 1.0 takes more room than 1
    return int(rounded) if rounded.is_integer() and abs(rounded) < HUGE else rounded


def show(value: Any) -> str:
    """Return a value as text: numbers with three digits, lists shortened, and nothing for missing values."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _show_number(as_number(value))
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {show(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple | set | np.ndarray):
        names = [show(entry) for entry in list(value)]
        more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
        return ", ".join(names[:MAX_NAMES]) + more
    return "" if pd.isna(value) else str(value)


def count(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def shorten(name: str, width: int = 32) -> str:
    """Return the beginning of a long name."""
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _show_number(value: int | float | str | None) -> str:
    """Write a number as the page's script does (``number`` in ``report.js``)."""
    if value is None or isinstance(value, str):
        return value or ""
    size = abs(value)
    if isinstance(value, int):
        return str(value)
    if SMALL <= size < HUGE:
        return f"{value:.0f}" if size >= LARGE else f"{value:#.3g}".rstrip(".")
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
