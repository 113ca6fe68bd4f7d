"""Where warnings point to: the line of the user's code."""

from __future__ import annotations

import sys

# whose frames are no lines of the user's: this package, and what its calls go through
BETWEEN = {__name__.partition(".")[0], "contextlib", "scvi", "torch"}


def frames_to_caller() -> int:
    """Return the ``stacklevel`` with which the calling function warns at the line of the user's code.

    How many functions of the package lie between differs from call to call: a figure reads through an accessor.
    """
    frame, n = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, n = frame.f_back, n + 1
    return n
