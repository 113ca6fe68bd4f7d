"""How far groups lie above those in which a program is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._means import MIN_RELIABILITY


@dataclass(frozen=True)
class Lift:
    """Groups against the level at which a program is off.

    Attributes
    ----------
    value
        How far above, groups x programs, in standard deviations that posterior means have over the prior.
    off
        In which groups a program is off, groups x programs.
    """

    value: np.ndarray
    off: np.ndarray


def lift(mean: np.ndarray, reliability: np.ndarray, is_known: np.ndarray | None = None) -> Lift:
    """Compare each group with the groups in which the program is off.

    Where half of the groups share a program, the mean of all others is no reference: it rises with them. So groups are
    parted in two, program by program, where the variance between the parts is largest (Otsu 1979, IEEE Trans Syst Man
    Cybern 9:62), each group counting once, and the lower part is the reference. Differences are freed from the pull of
    the prior, by the reliability, and then weighted by its square root, which is the standard deviation of posterior
    means over the prior: a program that the counts hardly tell is not made large by dividing by nearly nothing.

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
    """Per column, the largest value of the lower of two parts; a single group is its own lower part."""
    n = len(values)
    if n < 2:
        return values.max(axis=0)
    ordered = np.sort(values, axis=0)
    below = np.cumsum(ordered, axis=0)
    size = np.arange(1, n)[:, None]
    lower, upper = below[:-1] / size, (below[-1] - below[:-1]) / (n - size)
    between = size * (n - size) * (upper - lower) ** 2
    return np.take_along_axis(ordered, between.argmax(axis=0)[None], axis=0)[0]
