"""Preprocessing: add prior knowledge to AnnData."""

from ._add_programs import add_programs
from ._screen_programs import screen_programs

__all__ = ["add_programs", "screen_programs"]
