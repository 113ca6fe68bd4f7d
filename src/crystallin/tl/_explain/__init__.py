"""Explanation of activities: baselines, sides of a contrast, and several attribution methods with one interface."""

from ._baseline import baseline_arguments
from ._several import DEFAULT_METHODS, LOADINGS, attributions_by, check_methods
from ._sides import shares, sides, strata_of, units

__all__ = [
    "LOADINGS",
    "DEFAULT_METHODS",
    "attributions_by",
    "baseline_arguments",
    "check_methods",
    "shares",
    "sides",
    "strata_of",
    "units",
]
