"""Names in messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

# suggestions of similar spelling, of which the first is mostly the one
MAX_SIMILAR = 3


def some(names: Iterable[Any], n: int = 5) -> str:
    """Return the first few of the names, quoted, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(repr(str(name)) for name in names[:n]) + more


def did_you_mean(name: Any, known: Iterable[Any], n: int = 1) -> str:
    """Return a hint that lists the known names most like an unknown one, or an empty string.

    These are names that differ in case and punctuation only, or else names of similar spelling (at most three), then
    names that contain all of its words: ``"Interferon"`` finds ``"Type I interferon response"``.
    """
    given, names = str(name), [str(other) for other in known]
    same = [other for other in names if _squeezed(other) == _squeezed(given) != ""]
    close = difflib.get_close_matches(given, names, n=min(n, MAX_SIMILAR))
    likely = same[:n] or list(dict.fromkeys([*close, *_with_words(given, names)]))[:n]
    return f" Did you mean {some(likely, n)}?" if likely else ""


def _with_words(given: str, names: Sequence[str]) -> list[str]:
    """Return the names in which each word of ``given`` begins a word; words of one or two letters are whole words."""
    wanted = _words(given)

    def has(word: str, words: list[str]) -> bool:
        return word in words if len(word) < 3 else any(other.startswith(word) for other in words)

    return [name for name in names if wanted and all(has(word, _words(name)) for word in wanted)]


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.casefold())


def _squeezed(name: str) -> str:
    return "".join(_words(name))
