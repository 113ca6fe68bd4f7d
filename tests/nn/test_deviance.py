"""Moments of the deviance: against simulated counts, against sums over all counts, and where they are known."""

import numpy as np
import pytest
import torch
from scipy import stats

from crystallin.nn import deviance
from crystallin.nn._deviance import expected_deviance


@pytest.mark.parametrize(("mean", "theta"), [(0.004, 0.3), (0.07, 5.0), (0.9, 0.15), (3.0, 12.0), (55.0, 1.4)])
def test_moments_are_those_of_simulated_counts(mean, theta):
    rng = np.random.default_rng(0)
    counts = torch.tensor(rng.negative_binomial(theta, theta / (theta + mean), (1, 400_000)), dtype=torch.float32)
    found = deviance(counts, torch.full_like(counts, np.log(mean)), torch.tensor([[theta]]))
    error = float(found.variance.mean() / counts.numel()) ** 0.5
    assert float(found.observed.mean()) == pytest.approx(float(found.expected.mean()), abs=5 * error + 0.005 * mean)
    assert float(found.observed.var()) == pytest.approx(float(found.variance.mean()), rel=0.05)


def test_interpolation_is_close_to_the_sum():
    rng = np.random.default_rng(1)
    for mean, theta in zip(np.exp(rng.uniform(-8, 5, 30)), np.exp(rng.uniform(-3, 6, 30)), strict=True):
        x = np.arange(int(mean + 40 * (mean + mean**2 / theta) ** 0.5) + 100)
        probability = stats.nbinom.pmf(x, theta, theta / (theta + mean))
        values = 2 * (
            np.where(x > 0, x * np.log(np.maximum(x, 1) / mean), 0) - (x + theta) * np.log((x + theta) / (mean + theta))
        )
        expected, variance = expected_deviance(torch.tensor([[np.log(mean)]]), torch.tensor([[theta]]))
        assert float(expected) == pytest.approx(probability @ values, rel=0.02)
        assert float(variance) == pytest.approx(probability @ (values - probability @ values) ** 2, rel=0.06)


def test_it_is_zero_at_the_mean_and_positive_elsewhere():
    counts = torch.tensor([[0.0, 1.0, 7.0, 0.0, 9.0]])
    mean = torch.tensor([[1e-30, 1.0, 7.0, 2.0, 2.0]])
    observed = deviance(counts, mean.log(), torch.tensor([[3.0]])).observed[0]
    assert observed[:3].abs().max() < 1e-5
    assert (observed[3:] > 0.5).all()
    # known form for a count of 0
    assert float(observed[3]) == pytest.approx(2 * 3 * np.log(1 + 2 / 3), rel=1e-5)
