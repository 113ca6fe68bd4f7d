"""Preprocessing: select genes, and add prior knowledge to AnnData."""

from ._add_programs import add_programs
from ._screen_programs import screen_programs
from ._select_genes import select_genes

__all__ = ["add_programs", "screen_programs", "select_genes"]
