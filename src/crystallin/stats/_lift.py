"""Activity of groups above the level at which a program is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._means import MIN_RELIABILITY


@dataclass(frozen=True)
class Lift:
    """Activity of groups above the level at which a program is off.

    Attributes
    ----------
    value
        Distance from that level, groups x programs, in standard deviations of posterior means under the prior.
    off
        Whether a program is off in a group, groups x programs.
    """

    value: np.ndarray
    off: np.ndarray


def lift(mean: np.ndarray, reliability: np.ndarray, is_known: np.ndarray | None = None) -> Lift:
    """Compare each group with the groups in which the program is off.

    Where half of the groups share a program, the mean of all others is a poor reference, because it rises with them.
    For each program, groups are therefore split in two where the variance between the parts is largest (Otsu 1979, IEEE
    Trans Syst Man Cybern 9:62), with equal weights, and the lower part is the reference. Differences are corrected for
    shrinkage by the reliability and then weighted by its square root, which is the standard deviation of posterior
    means under the prior. Programs of low reliability thus do not get large values through division by a small number.

    Parameters
    ----------
    mean
        Mean of posterior means, groups x programs.
    reliability
        One minus the mean posterior variance, groups x programs.
    is_known
        Groups that have enough cells to be a reference; all if they are ``None`` or fewer than two.
    """
    share = np.clip(reliability, MIN_RELIABILITY, 1)
    standardised = mean / np.sqrt(share)
    reference = np.ones(len(mean), dtype=bool) if is_known is None or is_known.sum() < 2 else is_known
    off = (standardised <= _largest_of_lower_part(standardised[reference])) & reference[:, None]
    level = (mean * off).sum(axis=0) / (share * off).sum(axis=0)
    return Lift(standardised - level * np.sqrt(share), off)


def _largest_of_lower_part(values: np.ndarray) -> np.ndarray:
    """Return, for each column, the largest value of the lower part; a single group is its own lower part."""
    n = len(values)
    if n < 2:
        return values.max(axis=0)
    ordered = np.sort(values, axis=0)
    below = np.cumsum(ordered, axis=0)
    size = np.arange(1, n)[:, None]
    lower, upper = below[:-1] / size, (below[-1] - below[:-1]) / (n - size)
    between = size * (n - size) * (upper - lower) ** 2
    return np.take_along_axis(ordered, between.argmax(axis=0)[None], axis=0)[0]
