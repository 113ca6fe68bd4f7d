"""Statistics on arrays: numpy and scipy only."""

from ._adaptive import probability_beyond
from ._agreement import kendall, rank_biased_overlap, robust_ranks
from ._background import without_background
from ._breadth import breadth
from ._calls import calls
from ._coherence import coherence, n_carriers
from ._conformal import conformal_limit, conformal_p
from ._contrasts import Difference, compare_cells, overlap
from ._coupling import given_better_known
from ._decoys import calibrated_by_decoys, target_decoy_q
from ._draws import draws_of_mean
from ._effects import MIN_DIFFERENCE, effects_of_those_up, group_effects, standardised_difference
from ._enrichment import enrichment
from ._fdr import benjamini_hochberg, expected_fdr
from ._hierarchy import NONE, Choice, best_within, choose, is_within, mean_along_path
from ._independent import n_independent
from ._infidelity import infidelity
from ._label_model import LabelModel
from ._lift import Lift, lift
from ._likeness import Likeness, likeness, marks
from ._linear import estimable_basis, independent, orthonormal, root
from ._means import Means, reliability, unshrunk_means
from ._mirror import mirror_q
from ._moderated import squeezed_variances, variance_prior
from ._moments import Moments, collect_moments
from ._power import detectable, power_of_t
from ._residuals import correlation_vectors
from ._samples import SampleDifference, compare_samples, without_each
from ._sequential import Permuted, sequential_permutation
from ._superiority import superiority
from ._wilson import wilson

__all__ = [
    "MIN_DIFFERENCE",
    "NONE",
    "Choice",
    "Difference",
    "LabelModel",
    "Lift",
    "Likeness",
    "Means",
    "Moments",
    "Permuted",
    "SampleDifference",
    "benjamini_hochberg",
    "best_within",
    "breadth",
    "calibrated_by_decoys",
    "calls",
    "choose",
    "coherence",
    "collect_moments",
    "compare_cells",
    "compare_samples",
    "conformal_limit",
    "conformal_p",
    "correlation_vectors",
    "detectable",
    "draws_of_mean",
    "effects_of_those_up",
    "enrichment",
    "estimable_basis",
    "expected_fdr",
    "given_better_known",
    "group_effects",
    "independent",
    "infidelity",
    "kendall",
    "is_within",
    "lift",
    "likeness",
    "n_carriers",
    "n_independent",
    "marks",
    "mean_along_path",
    "mirror_q",
    "orthonormal",
    "overlap",
    "power_of_t",
    "probability_beyond",
    "rank_biased_overlap",
    "reliability",
    "robust_ranks",
    "root",
    "sequential_permutation",
    "squeezed_variances",
    "standardised_difference",
    "superiority",
    "target_decoy_q",
    "unshrunk_means",
    "variance_prior",
    "wilson",
    "without_background",
    "without_each",
]
