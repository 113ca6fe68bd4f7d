"""Variances of few samples, moderated by those of all programs."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, polygamma

# Newton steps for the inverse trigamma function, of which three or four are needed
MAX_STEPS = 50


def variance_prior(variance: np.ndarray, df: float) -> tuple[float, float]:
    """Estimate the prior of residual variances: its value and degrees of freedom.

    Variances follow a scaled F distribution around it; its parameters are those that reproduce the observed mean and
    variance of their logarithms (Smyth 2004, Stat Appl Genet Mol Biol 3:3, section 6.2). Variances that are zero or not
    finite are ignored.

    Parameters
    ----------
    variance
        Residual variances, one a program.
    df
        Their degrees of freedom.

    Returns
    -------
    Variance and degrees of freedom, which are infinite if the variances vary no more than by chance, and 0 if there are
    fewer than three of them.
    """
    usable = variance[np.isfinite(variance) & (variance > 0)]
    if len(usable) < 3:
        return 1.0, 0.0
    centred = np.log(usable) - digamma(df / 2) + np.log(df / 2)
    spread = centred.var(ddof=1) - polygamma(1, df / 2)
    if spread <= 0:
        return float(usable.mean()), np.inf
    prior_df = 2 * inverse_trigamma(spread)
    return float(np.exp(centred.mean() + digamma(prior_df / 2) - np.log(prior_df / 2))), prior_df


def squeezed_variances(
    variance: np.ndarray, df: float, prior: float, prior_df: float, *, n_learnt_from: int
) -> tuple[np.ndarray, float]:
    """Return posterior variances and their degrees of freedom, limited to the sum of those of all variances.

    Parameters
    ----------
    variance, df
        Residual variances and their degrees of freedom.
    prior, prior_df
        Results of :func:`variance_prior`.
    n_learnt_from
        Number of variances that the prior was learned from.
    """
    total_df = float(min(df + prior_df, df * max(n_learnt_from, 1)))
    if np.isinf(prior_df):
        return np.full_like(variance, prior), total_df
    return (prior_df * prior + df * variance) / (prior_df + df), total_df


def inverse_trigamma(value: float) -> float:
    """Find ``x`` with ``trigamma(x) = value > 0``, by Newton's method on its reciprocal, which is nearly linear."""
    x = 0.5 + 1 / value
    for _ in range(MAX_STEPS):
        trigamma = polygamma(1, x)
        step = trigamma * (1 - trigamma / value) / polygamma(2, x)
        x += step
        if -step / x < 1e-10:
            break
    return float(x)
