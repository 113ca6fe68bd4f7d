"""Statistics on arrays: numpy and scipy only."""

from ._adaptive import probability_beyond
from ._agreement import kendall, rank_biased_overlap, robust_ranks
from ._breadth import breadth
from ._contrasts import Difference, compare_cells, compare_samples, overlap
from ._coupling import given_better_known
from ._decoys import calibrated_by_decoys, target_decoy_q
from ._effects import group_effects, standardised_difference
from ._fdr import benjamini_hochberg, expected_fdr
from ._infidelity import infidelity
from ._linear import independent, root
from ._means import Means, reliability, unshrunk_means
from ._moderated import squeezed_variances, variance_prior
from ._moments import Moments, collect_moments

__all__ = [
    "Difference",
    "Means",
    "Moments",
    "benjamini_hochberg",
    "breadth",
    "calibrated_by_decoys",
    "collect_moments",
    "compare_cells",
    "compare_samples",
    "expected_fdr",
    "given_better_known",
    "group_effects",
    "independent",
    "infidelity",
    "kendall",
    "overlap",
    "probability_beyond",
    "rank_biased_overlap",
    "reliability",
    "robust_ranks",
    "root",
    "squeezed_variances",
    "standardised_difference",
    "target_decoy_q",
    "unshrunk_means",
    "variance_prior",
]
