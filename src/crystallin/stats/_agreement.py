"""How far rankings agree, and what they say together."""

from __future__ import annotations

import numpy as np
from scipy import stats


def rank_biased_overlap(a: np.ndarray, b: np.ndarray, p: float) -> float:
    """Agreement of two rankings of the same things, those at the top counting most; 0 to 1.

    The share of things that the first d of both have in common, averaged over depths d with weights that fall by ``p``
    from one depth to the next, and taken to go on beyond the last depth as it ends (Webber et al. 2010, ACM Trans Inf
    Syst 28:20, equation 32). With ``p`` of .9 the first ten places carry 86 % of the weight.

    Parameters
    ----------
    a, b
        The things, the first first; of one length, none twice.
    p
        Persistence, between 0 and 1.
    """
    n = len(a)
    place_in_b = {thing: place for place, thing in enumerate(np.asarray(b).tolist())}
    # depth from which on both have it
    both = [max(place, place_in_b[thing]) for place, thing in enumerate(np.asarray(a).tolist()) if thing in place_in_b]
    depth = np.arange(1, n + 1)
    share = np.cumsum(np.bincount(both, minlength=n)) / depth
    return float(share[-1] * p**n + (1 - p) / p * (share * p**depth).sum())


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two scores of the same things; 0 where one does not vary."""
    tau = stats.kendalltau(a, b).statistic if len(a) > 1 else 0.0
    return float(np.nan_to_num(tau))


def robust_ranks(scores: np.ndarray) -> np.ndarray:
    """Probability that chance ranks a thing so high so often, for each thing; small where rankings agree on it.

    Robust rank aggregation (Kolde et al. 2012, Bioinformatics 28:573): the ranks of a thing, as shares of the number of
    things, are compared with ordered uniform numbers; the smallest of the probabilities over the number of rankings
    that have it so high, times the number of rankings.

    Parameters
    ----------
    scores
        Rankings x things, the highest score first; ties share their mean rank.
    """
    n_rankings, n_things = scores.shape
    share = np.sort(stats.rankdata(-scores, axis=1) / n_things, axis=0)
    k = np.arange(1, n_rankings + 1)[:, None]
    return np.minimum(stats.beta.cdf(share, k, n_rankings + 1 - k).min(axis=0) * n_rankings, 1)
