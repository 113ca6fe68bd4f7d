"""Preparation: prior knowledge into AnnData."""

from ._add_programs import add_programs

__all__ = ["add_programs"]
