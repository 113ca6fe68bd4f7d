"""Means of groups of cells, freed from the pull of each cell's prior.

The posterior mean of a cell is m = (I - C) ẑ, where ẑ is what its counts alone say and C its posterior covariance (the
prior is N(0, I)). So the mean of m over a group is (I - C̄) times the mean of the truth: smaller than it, and mixed with
the programs that the counts cannot tell from it. Dividing by 1 - mean of s² undoes the first, which is the difference
that a program shows by itself; solving with I - C̄ over its family undoes both, which is what remains of it given the
others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._moments import Moments

# a program of which the counts say less is not known from them
MIN_RELIABILITY = 1e-3


@dataclass(frozen=True)
class Means:
    """Means of units (groups of cells) and their sampling variances, units x programs."""

    mean: np.ndarray
    variance: np.ndarray


def program_pairs(family: np.ndarray) -> np.ndarray:
    """Pairs of different programs of the same family, 2 x pairs; ``family`` is negative for programs without."""
    same = (family[:, None] == family) & (family >= 0)[:, None]
    return np.stack(np.nonzero(np.triu(same, k=1)))


def marginal_means(moments: Moments, within: np.ndarray) -> Means:
    """Each program by itself.

    Parameters
    ----------
    moments
        Of the units.
    within
        Variance of m between the cells of a unit, programs or units x programs.
    """
    reliability = _reliability(moments)
    return Means(moments.mean / reliability, within / moments.n[:, None] / reliability**2)


def conditional_means(
    moments: Moments,
    within: np.ndarray,
    within_pairs: np.ndarray,
    pairs: np.ndarray,
    correlation: np.ndarray,
    family: np.ndarray,
) -> Means:
    """Each program given the others of its family; as :func:`marginal_means` for programs without others.

    Parameters
    ----------
    moments
        Of the units.
    within, within_pairs
        Variances of m between the cells of a unit and covariances of ``pairs``, programs and pairs, each with or
        without an axis of units before.
    pairs
        As :func:`program_pairs` gives them.
    correlation
        Posterior correlation of programs in a cell, programs x programs.
    family
        Family of each program; negative: none.
    """
    means = marginal_means(moments, within)
    n_units, n_programs = moments.total.shape
    within = np.broadcast_to(within, (n_units, n_programs))
    within_pairs = np.broadcast_to(within_pairs, (n_units, pairs.shape[1]))
    for label in np.unique(family[family >= 0]):
        members = np.flatnonzero(family == label)
        if len(members) < 2:
            continue
        inside = np.flatnonzero(family[pairs[0]] == label)
        first, second = np.searchsorted(members, pairs[:, inside])
        covariance = np.zeros((n_units, len(members), len(members)))
        covariance[:, first, second] = covariance[:, second, first] = within_pairs[:, inside]
        diagonal = np.arange(len(members))
        covariance[:, diagonal, diagonal] = within[:, members]
        sd = np.sqrt(1 - _reliability(moments)[:, members])
        uncertain = sd[:, :, None] * correlation[np.ix_(members, members)] * sd[:, None, :]
        solve = np.linalg.pinv(np.eye(len(members)) - uncertain, rcond=MIN_RELIABILITY, hermitian=True)
        means.mean[:, members] = np.einsum("uij,uj->ui", solve, moments.mean[:, members])
        spread = solve @ covariance @ solve.transpose(0, 2, 1)
        means.variance[:, members] = spread[:, diagonal, diagonal] / moments.n[:, None]
    return means


def _reliability(moments: Moments) -> np.ndarray:
    return np.clip(1 - moments.mean_uncertainty, MIN_RELIABILITY, 1)
