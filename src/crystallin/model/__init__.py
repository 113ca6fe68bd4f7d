"""The model, in the only package that imports scvi-tools."""

from ._ensemble import ProgramEnsemble
from ._evidence import EdgeEvidence
from ._free import check_free
from ._model import ProgramVAE
from ._reading import Reading
from ._refit import check_refit
from ._refits import check_resampling, refits_of
from ._resample import CELLS
from ._training import check_train_arguments

__all__ = [
    "CELLS",
    "EdgeEvidence",
    "ProgramEnsemble",
    "ProgramVAE",
    "Reading",
    "check_free",
    "check_refit",
    "check_resampling",
    "check_train_arguments",
    "refits_of",
]
