"""What decoys show by mistake, taken into account for programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from ._contrasts import Difference

# fewer say little about how decoys spread
MIN_DECOYS = 10


def calibrated_by_decoys(difference: Difference, reliability: np.ndarray, is_decoy: np.ndarray) -> Difference:
    """The difference with standard errors that also hold for the decoys.

    Decoys should not differ between groups, but do by more than their standard errors, as they answer a little to genes
    that no program explains, and as random sets respond to a change of many genes. What they show too much, as a
    variance of the posterior mean (that is, before division by the reliability), is added to the variance of every
    program: little for one that is read well from the counts, much for one that is hardly read at all. The normal
    distribution so widened is an empirical null (Efron 2004, J Am Stat Assoc 99:96).

    Parameters
    ----------
    difference
        Of all programs.
    reliability
        Factor from the true to the posterior mean: one minus the posterior variance.
    is_decoy
        Which are decoys.

    Returns
    -------
    Difference, with degrees of freedom after Satterthwaite; standard errors are NaN if there are fewer than ten decoys.
    """
    if is_decoy.sum() < MIN_DECOYS:
        return replace(difference, se=np.full_like(difference.se, np.nan))
    shown = (difference.effect * reliability)[is_decoy]
    expected = ((difference.se * reliability)[is_decoy]) ** 2
    own, excess = difference.se**2, excess_variance(shown, expected) / reliability**2
    # the excess is known as well as so many decoys tell, whatever the number of samples (Satterthwaite)
    df = (own + excess) ** 2 / (own**2 / difference.df + excess**2 / is_decoy.sum())
    return replace(difference, se=np.sqrt(own + excess), df=df)


def excess_variance(values: np.ndarray, variance: np.ndarray) -> float:
    """What has to be added to the variances so that the squares of standardised ``values`` are one on average."""

    def surplus(extra: float) -> float:
        return float((values**2 / (variance + extra)).mean()) - 1

    largest = float((values**2).max())
    if largest == 0 or (variance.min() > 0 and surplus(0.0) <= 0):
        return 0.0
    # at the largest square, each is at most one
    return float(brentq(surplus, largest * 1e-12, largest, xtol=largest * 1e-9))


def target_decoy_q(target: np.ndarray, decoy: np.ndarray) -> np.ndarray:
    """Share of false ones among targets that score at least as high, estimated from decoys; NaN without these.

    Elias & Gygi (2007, Nat Methods 4:207), with one decoy added so that none is ever surely true, and made monotone.
    """
    if not len(decoy):
        return np.full(len(target), np.nan)
    order = np.argsort(-target, kind="stable")
    n_decoys = len(decoy) - np.searchsorted(np.sort(decoy), target[order], side="left")
    ratio = (1 + n_decoys) / (1 + len(decoy)) * len(target) / np.arange(1, len(target) + 1)
    q = np.empty(len(target))
    q[order] = np.minimum.accumulate(ratio[::-1])[::-1]
    return np.minimum(q, 1)
