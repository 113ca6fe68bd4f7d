"""Conformal p-values: how unusual a value is among values that are known to be usual."""

from __future__ import annotations

import numpy as np


def conformal_p(scores: np.ndarray, usual: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the share of usual scores that are at least as large as each score, the score itself counted.

    For a new value that is exchangeable with the usual ones, the p-value is at most ``a`` with probability ``a`` (Vovk
    et al. 2005, Algorithmic Learning in a Random World, section 2.2). With weights, it is the same share in a weighted
    sample: the pooled distribution of several groups has equal weights of groups (Dunn et al. 2023, J Am Stat Assoc
    118:2491).

    Parameters
    ----------
    scores
        Scores, larger if less usual; NaN gives NaN.
    usual
        Scores of usual values.
    weights
        Weight of each usual value; ``None`` weights all equally.
    """
    order = np.argsort(usual)
    weight = np.full(len(usual), 1 / len(usual)) if weights is None else (weights / weights.sum())[order]
    # share of usual scores from each place upwards
    above = np.append(np.cumsum(weight[::-1])[::-1], 0.0)
    share = above[np.searchsorted(usual[order], scores, side="left")]
    p = (len(usual) * share + 1) / (len(usual) + 1)
    return np.where(np.isnan(scores), np.nan, np.minimum(p, 1.0))


def conformal_limit(usual: np.ndarray, alpha: float) -> float:
    """Return the value that a new one, exchangeable with the usual ones, exceeds with probability at most ``alpha``.

    If there are too few usual values for that (fewer than ``1 / alpha - 1``), it is the largest of them.
    """
    place = int(np.ceil((len(usual) + 1) * (1 - alpha))) - 1
    return float(np.sort(usual)[min(place, len(usual) - 1)])
