"""Names in messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def some(names: Iterable[Any], n: int = 5) -> str:
    """Return the first few of the names, quoted, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(repr(str(name)) for name in names[:n]) + more


def did_you_mean(name: Any, known: Iterable[Any], n: int = 1) -> str:
    """Return a hint that lists the known names closest to an unknown one, or an empty string."""
    close = difflib.get_close_matches(str(name), [str(other) for other in known], n=n)
    return f" Did you mean {some(close)}?" if close else ""
