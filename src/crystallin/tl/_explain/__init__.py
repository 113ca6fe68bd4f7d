"""Explanation of activities: baselines of attributions, and several attribution methods with the same interface."""

from ._baseline import baseline_arguments
from ._several import DEFAULT_METHODS, LOADINGS, attributions_by, check_methods

__all__ = [
    "LOADINGS",
    "DEFAULT_METHODS",
    "attributions_by",
    "baseline_arguments",
    "check_methods",
]
