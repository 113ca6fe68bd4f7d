"""Difference between two groups, and its test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from ._means import Means

LEVEL = 0.95


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
        """Difference divided by its standard error; 0 for programs that no unit says anything about."""
        return self._in_errors(self.effect)

    def _in_errors(self, values: np.ndarray) -> np.ndarray:
        """Return values in standard errors; 0 where the standard error is 0."""
        return np.divide(values, self.se, out=np.zeros_like(values, dtype=float), where=self.se != 0)

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
        return np.minimum(1, t.sf(self._in_errors(size - delta)) + t.sf(self._in_errors(size + delta)))

    def as_normal(self) -> Difference:
        """Return the same differences with standard errors for which a normal distribution gives the same p values."""
        # p values cannot be smaller than the smallest floating-point number
        size = stats.norm.isf(np.maximum(stats.t.sf(np.abs(self.statistic), self.df), np.finfo(float).tiny))
        with np.errstate(divide="ignore", invalid="ignore"):
            se = np.where((size > 0) & np.isfinite(self.df), np.abs(self.effect) / size, self.se)
        return replace(self, se=np.fmax(se, self.se), df=np.inf)


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
