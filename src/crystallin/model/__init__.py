"""The model, in the only package that imports scvi-tools."""

from ._evidence import EdgeEvidence
from ._extend import check_completion, completed_model
from ._free import check_free
from ._model import ProgramVAE
from ._reading import Reading
from ._training import check_train_arguments

__all__ = [
    "EdgeEvidence",
    "ProgramVAE",
    "Reading",
    "check_completion",
    "check_free",
    "check_train_arguments",
    "completed_model",
]
