"""Example data and simulations."""

from ._kang18 import kang18
from ._oracle_activity import oracle_activity
from ._pbmc68k import pbmc68k
from ._simulate import simulate

__all__ = ["kang18", "oracle_activity", "pbmc68k", "simulate"]
