"""Messages of this package and of others, while a command runs."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger("crystallin")


@contextmanager
def messages() -> Iterator[None]:
    """Send this package's messages to standard error, and restore logging and warnings afterwards."""
    level = logger.level
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    own = [] if logger.handlers else [handler]
    for added in own:
        logger.addHandler(added)
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show
            warnings.filterwarnings("ignore", message="Writing zarr v2 data", category=UserWarning)
            yield
    finally:
        for added in own:
            logger.removeHandler(added)
        logger.setLevel(level)


def say(text: str) -> None:
    """Write to standard output, with a question mark for characters that its encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))


def _show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Show only the message of a warning, without the line of code that it came from."""
    sys.stderr.write(f"{category.__name__}: {message}\n")
