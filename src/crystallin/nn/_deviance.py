r"""Deviance of counts, and what it would be if the model were true.

The deviance of a negative binomial count :math:`x` with mean :math:`\mu` and inverse dispersion :math:`\theta` is

.. math:: d = 2 \left[x \log\frac{x}{\mu} - (x + \theta) \log\frac{x + \theta}{\mu + \theta}\right]

(McCullagh & Nelder 1989, Generalized Linear Models, section 2.3). Its mean and variance are far from those of a
chi-squared variable where few counts are expected, so they are summed over all counts, once for a grid of means and
dispersions, and interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy import stats

# grids of the logarithms of mean and inverse dispersion; beyond the last, a count is almost a Poisson variable
LOG_MEAN = np.linspace(np.log(1e-5), np.log(3e3), 160)
LOG_THETA = np.linspace(np.log(0.02), np.log(2e3), 36)
# counts are summed up to so many standard deviations, and lengths of the tail, above the mean; and some more
N_SD, N_TAILS, MORE = 15, 15, 40
# counts up to the first number are summed one by one, larger ones in about as many steps as the second
N_EXACT, N_STEPS = 500, 1_000


@dataclass(frozen=True)
class Deviance:
    """Deviance of some counts, genes x cells, with its mean and variance under the model.

    Attributes
    ----------
    observed, expected, variance
        Genes x cells each.
    """

    observed: torch.Tensor
    expected: torch.Tensor
    variance: torch.Tensor


def deviance(counts: torch.Tensor, log_mean: torch.Tensor, theta: torch.Tensor) -> Deviance:
    """Compute deviances of counts, and their moments.

    Parameters
    ----------
    counts, log_mean
        Genes x cells.
    theta
        Inverse dispersion, genes x 1 or genes x cells.
    """
    mean = log_mean.exp()
    of_counts = torch.where(counts > 0, counts * (counts.clamp(min=1).log() - log_mean), 0)
    observed = 2 * (of_counts - (counts + theta) * ((counts + theta) / (mean + theta)).log())
    # rounding may leave a count at its mean slightly below 0
    return Deviance(observed.clamp(min=0), *expected_deviance(log_mean, theta))


def expected_deviance(log_mean: torch.Tensor, theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance of the deviance of counts with these means, genes x cells each."""
    moments = [torch.as_tensor(table, dtype=log_mean.dtype, device=log_mean.device).reshape(-1) for table in _moments()]
    row, above = _place(log_mean, LOG_MEAN)
    column, right = (part.expand_as(row) for part in _place(theta.log(), LOG_THETA))
    first = row * len(LOG_THETA) + column
    below = first + len(LOG_THETA)
    # the logarithms are almost linear between the points of the grid
    mean, variance = (
        (
            (1 - above) * ((1 - right) * table[first] + right * table[first + 1])
            + above * ((1 - right) * table[below] + right * table[below + 1])
        ).exp()
        for table in moments
    )
    return mean, variance


def _place(values: torch.Tensor, grid: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the grid point below each value, and how far it is on the way to the next one, from 0 to 1."""
    place = ((values - grid[0]) / (grid[1] - grid[0])).clamp(0, len(grid) - 1.001)
    below = place.long()
    return below, place - below


@lru_cache(maxsize=1)
def _moments() -> tuple[np.ndarray, np.ndarray]:
    """Return logarithms of mean and variance of the deviance on the grid, means x dispersions."""
    mean, variance = np.empty((len(LOG_MEAN), len(LOG_THETA))), np.empty((len(LOG_MEAN), len(LOG_THETA)))
    for i, mu in enumerate(np.exp(LOG_MEAN)):
        for j, theta in enumerate(np.exp(LOG_THETA)):
            sd = (mu + mu**2 / theta) ** 0.5
            x, width = _counts(int(mu + N_SD * sd + N_TAILS * mu / theta) + MORE)
            probability = width * stats.nbinom.pmf(x, theta, theta / (theta + mu))
            of_counts = np.where(x > 0, x * np.log(np.maximum(x, 1) / mu), 0)
            values = 2 * (of_counts - (x + theta) * np.log((x + theta) / (mu + theta)))
            mean[i, j] = probability @ values
            variance[i, j] = probability @ (values - mean[i, j]) ** 2
    return np.log(mean), np.log(variance)


def _counts(largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts from 0 to about the largest, and how many counts each stands for."""
    step = max(1, (largest - N_EXACT) // N_STEPS)
    few = np.arange(min(largest, N_EXACT))
    # the middle of each step
    many = np.arange(N_EXACT, max(largest, N_EXACT), step) + (step - 1) // 2
    return np.concatenate([few, many]), np.concatenate([np.ones(len(few)), np.full(len(many), step)])
