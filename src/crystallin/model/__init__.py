"""The model: the only rooms that import scvi-tools."""

from ._model import ProgramVAE
from ._reading import Reading

__all__ = ["ProgramVAE", "Reading"]
