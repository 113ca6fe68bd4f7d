"""The model: the only rooms that import scvi-tools."""

from ._model import ProgramVAE

__all__ = ["ProgramVAE"]
