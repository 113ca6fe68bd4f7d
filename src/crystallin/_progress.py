"""Progress bars for what takes long, if anyone watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")
# seconds after which a pass over the cells shows a bar
DELAY = 10


def is_watched() -> bool:
    """Return whether standard error is a terminal or a notebook."""
    stream = sys.stderr
    return stream is not None and (stream.isatty() or type(stream).__module__.startswith("ipykernel."))


def shown_if_long(parts: Iterable[T], label: str, unit: str = "minibatch", total: int | None = None) -> Iterable[T]:
    """Show a progress bar on standard error while something goes on for long, if anyone watches."""
    if not is_watched():
        return parts
    return tqdm(parts, desc=label, unit=unit, total=total, delay=DELAY, leave=False, file=sys.stderr)
