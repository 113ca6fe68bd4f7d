"""Exact permutation p values that stop early where there is nothing to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# values under the null as large as the observed one after which a permutation test stops
MAX_EXCEEDING = 20


@dataclass(frozen=True)
class Permuted:
    """Results of permutation tests.

    Attributes
    ----------
    p
        P values, exact.
    mean, sd
        Of the statistic under the null, over the permutations that were made.
    n
        Number of permutations that each test took.
    """

    p: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    n: np.ndarray


def sequential_permutation(
    observed: np.ndarray,
    draw: Callable[[np.ndarray], np.ndarray],
    *,
    n_max: int,
    max_exceeding: int = MAX_EXCEEDING,
) -> Permuted:
    """Test several statistics by permutation; large values are of interest (Besag & Clifford 1991, Biometrika 78:301).

    A test stops once ``max_exceeding`` values under the null are as large as the observed one, in draw ``n``: its p is
    then ``max_exceeding / n``. Otherwise it is ``(k + 1) / (n_max + 1)`` with ``k`` such values. Both are exact: under
    the null, ``P(p <= a) <= a``. Nearly all work so goes to the tests whose p is small.

    Parameters
    ----------
    observed
        Observed statistics; those that are NaN are not tested.
    draw
        Takes the positions of statistics and returns a value of each under the null.
    n_max
        Largest number of permutations.
    max_exceeding
        When to stop.

    Returns
    -------
    Results, NaN where nothing was tested.
    """
    k, n = np.zeros(len(observed), dtype=int), np.zeros(len(observed), dtype=int)
    total, squares = np.zeros(len(observed)), np.zeros(len(observed))
    active = np.flatnonzero(np.isfinite(observed))
    for _ in range(n_max):
        if not len(active):
            break
        values = draw(active)
        n[active] += 1
        total[active] += values
        squares[active] += values**2
        k[active] += values >= observed[active]
        active = active[k[active] < max_exceeding]
    stopped = k >= max_exceeding
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(stopped, k / n, (k + 1) / (n + 1))
        mean = total / n
        sd = np.sqrt(np.maximum(squares / n - mean**2, 0) * n / np.maximum(n - 1, 1))
    p[n == 0] = np.nan
    return Permuted(p, mean, sd, n)
