"""Data to try things on."""

from ._pbmc68k import pbmc68k

__all__ = ["pbmc68k"]
