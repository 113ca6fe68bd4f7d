"""Ctrl-C: put off while something must not stop half way, and its handler put back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Hold a Ctrl-C inside the block back until its end."""
    handler = _handler()
    # None: there is none of Python's to put off
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
            # to whom it was meant for: Python's handler raises, that of the caller does what it likes
            signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupt_handler_kept() -> Iterator[None]:
    """Put the handler of Ctrl-C back, which Lightning turns off for good at the first one."""
    handler = _handler()
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _handler() -> Any:
    """Handler of Ctrl-C, ``None`` in other threads and where something else than Python set it."""
    return signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
