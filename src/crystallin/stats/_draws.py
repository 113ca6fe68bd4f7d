"""Sampling distribution of means."""

from __future__ import annotations

import numpy as np

# number of units whose weights are in memory at a time
CHUNK = 20_000


def draws_of_mean(values: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw means of units, draws x programs, from their sampling distribution.

    This is a bootstrap with normal weights (multiplier bootstrap), which preserves correlations between programs and
    takes a single matrix product even for a million units. NaN if there is only one unit.

    Parameters
    ----------
    values
        Units x programs.
    n_draws
        Number of draws.
    rng
        Source of random numbers.
    """
    n = len(values)
    if n < 2:
        return np.full((n_draws, values.shape[1]), np.nan)
    mean = values.mean(axis=0, dtype=float)
    departure = np.zeros((n_draws, values.shape[1]))
    for start in range(0, n, CHUNK):
        part = values[start : start + CHUNK] - mean
        departure += rng.standard_normal((n_draws, len(part))) @ part
    return mean + departure / np.sqrt(n * (n - 1))
