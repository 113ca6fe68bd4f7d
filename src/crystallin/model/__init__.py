"""The model, in the only package that imports scvi-tools."""

from ._cell_fit import CellFit, cell_fit, typical_precision
from ._ensemble import ProgramEnsemble
from ._evidence import EdgeEvidence
from ._exported import read_exported
from ._free import check_free
from ._mapped import mapped_model
from ._members import MEMBERS
from ._model import ProgramVAE
from ._reading import Reading
from ._refit import check_refit
from ._refits import check_resampling, refit_epochs, refits_of
from ._resample import CELLS
from ._training import check_train_arguments
from ._unmeasured import measured

__all__ = [
    "CELLS",
    "CellFit",
    "EdgeEvidence",
    "MEMBERS",
    "ProgramEnsemble",
    "ProgramVAE",
    "Reading",
    "cell_fit",
    "check_free",
    "check_refit",
    "check_resampling",
    "check_train_arguments",
    "mapped_model",
    "measured",
    "read_exported",
    "refit_epochs",
    "refits_of",
    "typical_precision",
]
