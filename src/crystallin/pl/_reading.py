"""How figures say which reading of the programs they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crystallin._keys import KIND, TOTAL, UNIQUE


def kind_of(params: Mapping[str, Any]) -> str:
    """Return the reading of a result; those of earlier versions do not name it and are of the unique activity."""
    return str(params.get(KIND, UNIQUE))


def titled(name: str, kind: str) -> str:
    """Return the name of a program, for titles, with its reading if it is the total."""
    return f"{name} (total)" if kind == TOTAL else name
