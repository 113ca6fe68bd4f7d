"""Means of groups of cells, corrected for shrinkage by the prior.

The posterior mean of a cell is, program by program, the truth times a reliability, one minus the posterior variance
(the prior is N(0, 1)), plus noise. So the mean over a group is divided by the mean reliability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._moments import Moments

# programs of lower reliability are not determined by the counts
MIN_RELIABILITY = 1e-3


@dataclass(frozen=True)
class Means:
    """Means of units (groups of cells) and their sampling variances, units x programs."""

    mean: np.ndarray
    variance: np.ndarray


def reliability(mean_uncertainty: np.ndarray) -> np.ndarray:
    """Return the share of a program's variance that the counts determine, from its mean posterior variance."""
    return np.clip(1 - mean_uncertainty, MIN_RELIABILITY, 1)


def unshrunk_means(moments: Moments, within: np.ndarray) -> Means:
    """Compute the means of units, corrected for shrinkage, and their sampling variances.

    Parameters
    ----------
    moments
        Moments of the units.
    within
        Variance of m between the cells of a unit, programs or units x programs.
    """
    share = reliability(moments.mean_uncertainty)
    return Means(moments.mean / share, within / moments.n[:, None] / share**2)
