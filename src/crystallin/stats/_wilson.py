"""Confidence intervals of proportions."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri


def wilson(n_hits: np.ndarray, n: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Compute the score interval of a proportion (Wilson 1927, J Am Stat Assoc 22:209); NaN without trials.

    Parameters
    ----------
    n_hits, n
        Numbers of hits and of trials.
    level
        Confidence level.
    """
    hits, trials = np.broadcast_arrays(np.asarray(n_hits, dtype=float), np.asarray(n, dtype=float))
    z2 = ndtri((1 + level) / 2) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (hits + z2 / 2) / (trials + z2)
        half = np.sqrt(z2 * (hits * (trials - hits) / trials + z2 / 4)) / (trials + z2)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
