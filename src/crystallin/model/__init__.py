"""The model, in the only package that imports scvi-tools."""

from ._free import check_free
from ._model import ProgramVAE
from ._reading import Reading
from ._training import check_train_arguments

__all__ = ["ProgramVAE", "Reading", "check_free", "check_train_arguments"]
