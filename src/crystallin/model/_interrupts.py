"""Deferral of Ctrl-C during operations that must complete, and restoration of its handler."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Defer a Ctrl-C inside the block until its end."""
    handler = _handler()
    # None: there is no Python handler, so nothing can be deferred
    if handler is None:
        yield
        return
    pressed: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed:
            # call the original handler: Python's raises KeyboardInterrupt, and the caller's may do anything
            signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupt_handler_kept() -> Iterator[None]:
    """Restore the handler of Ctrl-C, which Lightning disables permanently at the first one."""
    handler = _handler()
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _handler() -> Any:
    """Return the handler of Ctrl-C; ``None`` in other threads, and if it was not set by Python."""
    return signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
