"""Variances of few samples, moderated by those of all programs."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, polygamma

# Newton steps for the inverse trigamma function, of which three or four are needed
MAX_STEPS = 50


def variance_prior(variance: np.ndarray, df: float, n_independent: float = np.inf) -> tuple[float, float]:
    """Estimate the prior of residual variances: its value and degrees of freedom.

    Variances follow a scaled F distribution around it; its parameters are those that reproduce the observed mean and
    variance of their logarithms (Smyth 2004, Stat Appl Genet Mol Biol 3:3, section 6.2). Genes are so many that the
    variance of the logarithms is as good as known. Programs are few and correlated: it is set to the upper end of its
    standard error, because degrees of freedom that are too few cost little, and too many make false positives.
    Variances that are zero or not finite are ignored.

    Parameters
    ----------
    variance
        Residual variances, one a program.
    df
        Their degrees of freedom.
    n_independent
        Effective number of independent variances, from :func:`n_independent`. With infinitely many, the result is that
        of limma.

    Returns
    -------
    Variance and degrees of freedom, which are infinite if the variances surely vary no more than by chance, and 0 if
    there are fewer than three of them.
    """
    usable = variance[np.isfinite(variance) & (variance > 0)]
    n = len(usable)
    if n < 3:
        return 1.0, 0.0
    centred = np.log(usable) - digamma(df / 2) + np.log(df / 2)
    by_chance, observed = polygamma(1, df / 2), centred.var(ddof=1)
    # the logarithms of correlated variances differ less than by chance
    shared = max(n / n_independent - 1, 0) / (n - 1)
    kurtosis = polygamma(3, df / 2) / by_chance**2
    se = observed * np.sqrt((2 + kurtosis) / max(n_independent - 1, 0.5))
    spread = observed + se - (1 - shared) * by_chance
    if spread <= 0:
        return float(usable.mean()), np.inf
    prior_df = 2 * inverse_trigamma(spread)
    return float(np.exp(centred.mean() + digamma(prior_df / 2) - np.log(prior_df / 2))), prior_df


def squeezed_variances(
    variance: np.ndarray, df: float, prior: float, prior_df: float, n_independent: float = np.inf
) -> tuple[np.ndarray, float]:
    """Return posterior variances and their degrees of freedom.

    The prior's value is a mean of ``n_independent`` variances, so it has an error of its own: with weight w of the
    prior, the relative variance of a posterior variance is ``2 / (df + prior_df) + w² 2 / (df n_independent)``. The
    degrees of freedom are those of a variance with this error, and no more than those of all variances together.

    Parameters
    ----------
    variance, df
        Residual variances and their degrees of freedom.
    prior, prior_df
        Results of :func:`variance_prior`.
    n_independent
        Effective number of independent variances that the prior was learned from.
    """
    all_df = df * n_independent
    if np.isinf(prior_df):
        return np.full_like(variance, prior), float(all_df)
    weight = prior_df / (prior_df + df)
    total_df = 1 / (1 / (df + prior_df) + weight**2 / all_df)
    return weight * prior + (1 - weight) * variance, float(max(min(total_df, all_df), df))


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
