"""Sampling distribution of means."""

from __future__ import annotations

import numpy as np

# units whose weights are held at a time
CHUNK = 20_000


def draws_of_mean(values: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw means of units, draws x programs, as they would come out in other samples of as many units.

    A bootstrap with normal weights (multiplier bootstrap): correlations between programs are kept, and a million units
    cost one product. NaN if there is one unit only.

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
