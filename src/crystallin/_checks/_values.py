"""Plain arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def check_int(value: Any, argument: str, minimum: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        msg = f"{argument}={value!r} must be a whole number of at least {minimum}."
        raise ValueError(msg)


def check_choice(value: Any, argument: str, allowed: Sequence[str]) -> None:
    """Raise unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        msg = f"{argument}={value!r} is not one of {', '.join(map(repr, allowed))}."
        raise ValueError(msg)
