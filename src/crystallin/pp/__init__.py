"""Preprocessing: add prior knowledge to AnnData."""

from ._add_programs import add_programs

__all__ = ["add_programs"]
