"""Power of t tests."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.optimize import brentq

# points over which the variance's distribution is averaged; scipy's non-central t loses its digits with few degrees
# of freedom
N_POINTS = 500
# with more degrees of freedom the variance is as good as known
MAX_DF = 1e6


def power_of_t(effect: np.ndarray, df: np.ndarray | float, level: np.ndarray | float) -> np.ndarray:
    """Compute the probability that a two-sided t test has a p value below ``level``.

    Parameters
    ----------
    effect
        True effects, in standard errors.
    df
        Degrees of freedom.
    level
        Largest p value that is called.
    """
    effect, df, level = np.broadcast_arrays(np.abs(effect), np.minimum(df, MAX_DF), level)
    limit = stats.t.isf(level / 2, df)
    share = (np.arange(N_POINTS) + 0.5) / N_POINTS
    sd = np.sqrt(stats.chi2.ppf(share, df[..., None]) / df[..., None])
    beyond, effect = limit[..., None] * sd, effect[..., None]
    return (stats.norm.sf(beyond - effect) + stats.norm.sf(beyond + effect)).mean(axis=-1)


def detectable(df: float, level: float, power: float = 0.8) -> float:
    """Compute the effect, in standard errors, that a two-sided t test finds with this probability."""
    df = min(df, MAX_DF)
    limit = stats.t.isf(level / 2, df)

    def lacking(effect: float) -> float:
        return float(power_of_t(np.array(effect), df, level)) - power

    if lacking(0.0) >= 0:
        return 0.0
    high = limit
    while lacking(high) < 0:
        high *= 1.5
    return float(brentq(lacking, 0, high, xtol=1e-6))
