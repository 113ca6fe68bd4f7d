"""Explaining activities: what cells are compared with, and several methods of attribution side by side."""

from ._baseline import baseline_arguments
from ._several import LOADINGS, METHODS, attributions_by, check_methods

__all__ = [
    "LOADINGS",
    "METHODS",
    "attributions_by",
    "baseline_arguments",
    "check_methods",
]
