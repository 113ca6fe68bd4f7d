"""Agreement and aggregation of rankings."""

from __future__ import annotations

import numpy as np
from scipy import stats


def rank_biased_overlap(a: np.ndarray, b: np.ndarray, p: float) -> float:
    """Compute the agreement of two rankings of the same items, from 0 to 1, with most weight at the top.

    This is the share of items that the first d places of both rankings have in common, averaged over depths d. Weights
    decrease by the factor ``p`` from one depth to the next, and the last agreement is extrapolated (Webber et al. 2010,
    ACM Trans Inf Syst 28:20, equation 32). With ``p`` of .9 the first ten places carry 86 % of the weight.

    Parameters
    ----------
    a, b
        The items in order, of the same length and each only once.
    p
        Persistence, between 0 and 1.
    """
    n = len(a)
    place_in_b = {thing: place for place, thing in enumerate(np.asarray(b).tolist())}
    # depth from which both rankings contain an item
    both = [max(place, place_in_b[thing]) for place, thing in enumerate(np.asarray(a).tolist()) if thing in place_in_b]
    depth = np.arange(1, n + 1)
    share = np.cumsum(np.bincount(both, minlength=n)) / depth
    return float(share[-1] * p**n + (1 - p) / p * (share * p**depth).sum())


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Compute Kendall's tau-b of two scores of the same items; 0 if one of them is constant."""
    tau = stats.kendalltau(a, b).statistic if len(a) > 1 else 0.0
    return float(np.nan_to_num(tau))


def robust_ranks(scores: np.ndarray) -> np.ndarray:
    """Compute the probability that an item ranks this high in so many rankings by chance; small if they agree on it.

    Robust rank aggregation (Kolde et al. 2012, Bioinformatics 28:573): the ranks of an item, divided by the number of
    items, are compared with order statistics of uniform numbers. The result is the smallest of these probabilities,
    times the number of rankings.

    Parameters
    ----------
    scores
        Rankings x items; the highest score ranks first, and ties share their mean rank.
    """
    n_rankings, n_things = scores.shape
    share = np.sort(stats.rankdata(-scores, axis=1) / n_things, axis=0)
    k = np.arange(1, n_rankings + 1)[:, None]
    return np.minimum(stats.beta.cdf(share, k, n_rankings + 1 - k).min(axis=0) * n_rankings, 1)
