"""Statistics on arrays: numpy and scipy only."""

from ._contrasts import Difference, compare_cells, compare_samples, overlap
from ._decoys import calibrated_by_decoys
from ._effects import group_effects, standardised_difference
from ._fdr import benjamini_hochberg, expected_fdr
from ._means import MIN_RELIABILITY, Means, conditional_means, marginal_means, program_pairs
from ._moderated import squeezed_variances, variance_prior
from ._moments import Moments, collect_moments

__all__ = [
    "MIN_RELIABILITY",
    "Difference",
    "Means",
    "Moments",
    "benjamini_hochberg",
    "calibrated_by_decoys",
    "collect_moments",
    "compare_cells",
    "compare_samples",
    "conditional_means",
    "expected_fdr",
    "group_effects",
    "marginal_means",
    "overlap",
    "program_pairs",
    "squeezed_variances",
    "standardised_difference",
    "variance_prior",
]
