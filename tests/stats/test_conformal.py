"""Conformal p-values are uniform for exchangeable values, also if groups have equal weights."""

import numpy as np
import pytest

from crystallin.stats import conformal_limit, conformal_p


def test_by_hand():
    p = conformal_p(np.array([0.5, 3.0, 9.0, np.nan]), np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(p, [1, 3 / 5, 1 / 5, np.nan])


def test_weights_are_those_of_a_repeated_sample():
    usual, weights = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 1.0])
    scores = np.linspace(0, 4, 9)
    share = np.array([(np.repeat(usual, [1, 2, 1]) >= score).mean() for score in scores])
    np.testing.assert_allclose(conformal_p(scores, usual, weights), (3 * share + 1) / 4)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_new_values_are_rarely_below_alpha(alpha):
    rng = np.random.default_rng(0)
    found = [conformal_p(rng.gamma(2, size=50), rng.gamma(2, size=99)) <= alpha + 1e-12 for _ in range(400)]
    assert np.mean(found) == pytest.approx(alpha, abs=0.01)


def test_a_limit_is_exceeded_with_probability_alpha():
    rng = np.random.default_rng(1)
    exceeded = [rng.normal() > conformal_limit(rng.normal(size=39), 0.05) for _ in range(6_000)]
    assert np.mean(exceeded) == pytest.approx(0.05, abs=0.01)
    assert conformal_limit(np.array([3.0, 1.0]), 0.05) == 3.0
