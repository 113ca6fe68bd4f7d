"""A report of all results as one page that can be sent to others."""

from ._report import report

__all__ = ["report"]
