"""Calibration of programs by decoys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from ._contrasts import Difference

# the variance of fewer decoys cannot be estimated well
MIN_DECOYS = 10


def calibrated_by_decoys(difference: Difference, reliability: np.ndarray, is_decoy: np.ndarray) -> Difference:
    """Widen standard errors so that they also hold for the decoys.

    Decoys should not differ between groups, but they differ by more than their standard errors, because they depend a
    little on genes that no program explains, and because random sets respond to a change of many genes. Their excess
    variance, on the scale of the posterior mean (before division by the reliability), is added to the variance of every
    program. It matters little for programs of high reliability and much for those of low reliability. The widened
    normal distribution is an empirical null distribution (Efron 2004, J Am Stat Assoc 99:96).

    Parameters
    ----------
    difference
        Differences of all programs.
    reliability
        One minus the posterior variance, which is the factor from the true to the posterior mean.
    is_decoy
        Which programs are decoys.

    Returns
    -------
    Difference, with degrees of freedom after Satterthwaite; standard errors are NaN if there are fewer than ten decoys.
    """
    if is_decoy.sum() < MIN_DECOYS:
        return replace(difference, se=np.full_like(difference.se, np.nan))
    shown = (difference.effect * reliability)[is_decoy]
    expected = ((difference.se * reliability)[is_decoy]) ** 2
    own, excess = difference.se**2, excess_variance(shown, expected) / reliability**2
    # the degrees of freedom of the excess are the number of decoys, whatever the number of samples (Satterthwaite)
    df = (own + excess) ** 2 / (own**2 / difference.df + excess**2 / is_decoy.sum())
    return replace(difference, se=np.sqrt(own + excess), df=df)


def excess_variance(values: np.ndarray, variance: np.ndarray) -> float:
    """Return the variance to add so that the squares of standardised ``values`` are one on average."""

    def surplus(extra: float) -> float:
        return float((values**2 / (variance + extra)).mean()) - 1

    largest = float((values**2).max())
    if largest == 0 or (variance.min() > 0 and surplus(0.0) <= 0):
        return 0.0
    # with the largest square as added variance, every standardised square is at most one
    return float(brentq(surplus, largest * 1e-12, largest, xtol=largest * 1e-9))


def target_decoy_q(target: np.ndarray, decoy: np.ndarray) -> np.ndarray:
    """Estimate from decoys the share of false positives among targets that score at least as high; NaN without decoys.

    Elias & Gygi (2007, Nat Methods 4:207), with one decoy added so that the share is never 0, and made monotone.
    """
    if not len(decoy):
        return np.full(len(target), np.nan)
    order = np.argsort(-target, kind="stable")
    n_decoys = len(decoy) - np.searchsorted(np.sort(decoy), target[order], side="left")
    ratio = (1 + n_decoys) / (1 + len(decoy)) * len(target) / np.arange(1, len(target) + 1)
    q = np.empty(len(target))
    q[order] = np.minimum.accumulate(ratio[::-1])[::-1]
    return np.minimum(q, 1)
