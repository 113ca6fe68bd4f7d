"""Figures. Each takes ``ax`` and ``show`` and returns Axes."""

from ._history import history
from ._loadings import loadings

__all__ = ["history", "loadings"]
