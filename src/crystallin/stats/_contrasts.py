"""Difference between two groups, across samples or across cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from ._means import Means
from ._moderated import squeezed_variances, variance_prior

LEVEL = 0.95
# iterations of estimates and their weights, which converge quickly
BETWEEN_ROUNDS = 5


@dataclass(frozen=True)
class Difference:
    """A difference for each program.

    Attributes
    ----------
    effect, se
        Difference and its standard error.
    df
        Degrees of freedom of the t distribution of ``effect / se``, one for each program or one for all.
    """

    effect: np.ndarray
    se: np.ndarray
    df: np.ndarray | float

    @property
    def statistic(self) -> np.ndarray:
        """Difference divided by its standard error."""
        return self.effect / self.se

    def interval(self, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the central confidence interval."""
        half = stats.t.ppf((1 + level) / 2, self.df) * self.se
        return self.effect - half, self.effect + half

    def p(self, delta: float | np.ndarray = 0.0) -> np.ndarray:
        """Compute the p value of the null hypothesis that the difference is within ± ``delta`` (two-sided; TREAT).

        McCarthy & Smyth 2009, Bioinformatics 25:765.
        """
        size = np.abs(self.effect)
        t = stats.t(self.df)
        return np.minimum(1, t.sf((size - delta) / self.se) + t.sf((size + delta) / self.se))

    def as_normal(self) -> Difference:
        """Return the same differences with standard errors for which a normal distribution gives the same p values."""
        # p values cannot be smaller than the smallest floating-point number
        size = stats.norm.isf(np.maximum(stats.t.sf(np.abs(self.statistic), self.df), np.finfo(float).tiny))
        with np.errstate(divide="ignore", invalid="ignore"):
            se = np.where((size > 0) & np.isfinite(self.df), np.abs(self.effect) / size, self.se)
        return replace(self, se=np.fmax(se, self.se), df=np.inf)


def compare_samples(means: Means, design: np.ndarray, column: int, *, prior_from: np.ndarray) -> Difference:
    """Estimate a coefficient of a linear model of samples' means, with moderated variances.

    The variance of a mean is the sum of its sampling variance, which is known, and the variance between samples. To
    compute the weights, the latter is set to that of the typical program. The residual variance after weighting is then
    near one for all programs, whatever their reliability; it is estimated for each program and moderated by the others
    (Smyth 2004, Stat Appl Genet Mol Biol 3:3).

    Parameters
    ----------
    means
        Means of units, units x programs.
    design
        Units x coefficients, of full rank and with fewer columns than rows.
    column
        Coefficient of interest.
    prior_from
        Programs from which the typical variance between samples and the prior of the variances are learned.
    """
    y, known = means.mean, means.variance
    df = len(design) - design.shape[1]
    between = _between_samples(y[:, prior_from], known[:, prior_from], design)
    total = known + between
    # without any variance all weights are equal
    weight = 1 / np.where(total > 0, total, 1)
    inverse = np.linalg.inv(np.einsum("uk,up,ul->pkl", design, weight, design))
    coefficients = np.einsum("pkl,ul,up->pk", inverse, design, weight * y, optimize=True)
    residual = y - design @ coefficients.T
    variance = (weight * residual**2).sum(axis=0) / df
    prior, prior_df = variance_prior(variance[prior_from], df)
    moderated, total_df = squeezed_variances(variance, df, prior, prior_df, n_learnt_from=prior_from.sum())
    return Difference(coefficients[:, column], np.sqrt(moderated * inverse[:, column, column]), total_df)


def _between_samples(y: np.ndarray, known: np.ndarray, design: np.ndarray) -> float:
    """Estimate the variance between samples of the typical program, beyond the sampling variance.

    This is the mean of the programs' estimates by the method of moments (DerSimonian & Laird 1986, Control Clin Trials
    7:177), weighted by their precision.
    """
    hat = design @ np.linalg.pinv(design)
    df = len(design) - design.shape[1]
    expected = (1 - np.diag(hat)) @ known / df
    estimates = ((y - hat @ y) ** 2).sum(axis=0) / df - expected
    between = max(float(np.median(estimates)), 0.0)
    for _ in range(BETWEEN_ROUNDS):
        spread = np.maximum(between + expected, np.finfo(float).tiny)
        weight = (spread / spread.min()) ** -2
        between = max(float(weight @ estimates / weight.sum()), 0.0)
    return between


def compare_cells(means: Means, n_cells: np.ndarray, inflation: float = 1.0) -> Difference:
    """Estimate the difference of two units (first minus second) with cells as the sample, and Welch's df.

    Parameters
    ----------
    means
        Means of the two units.
    n_cells
        Numbers of cells of the two units.
    inflation
        Factor by which adjustment for covariates increases the variance.
    """
    variance = means.variance.sum(axis=0)
    parts = (means.variance**2 / (n_cells - 1)[:, None]).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(parts > 0, variance**2 / parts, np.inf)
    return Difference(means.mean[0] - means.mean[1], np.sqrt(inflation * variance), df)


def overlap(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Compute the probability that a random cell of the first group is above one of the second.

    Activities in a group are assumed to be normal. Their variance is that of the posterior means plus the mean
    posterior variance.

    Parameters
    ----------
    mean, variance
        Mean and variance of the activities in two groups, 2 x programs.
    """
    return stats.norm.cdf((mean[0] - mean[1]) / np.sqrt(variance.sum(axis=0)))
