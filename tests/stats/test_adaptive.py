import numpy as np
import pytest
from scipy import stats

from crystallin.stats import probability_beyond


def test_nothing_is_probable_where_nothing_differs():
    rng = np.random.default_rng(0)
    se = rng.uniform(0.05, 2, 400)
    probability = probability_beyond(se * rng.standard_normal(400), se, np.full(400, 0.1))
    # under a flat prior one in twenty would be above .95
    assert probability.max() < 0.5


def test_probabilities_are_calibrated():
    rng = np.random.default_rng(1)
    n = 20_000
    truth = np.where(rng.random(n) < 0.3, rng.normal(0, 1, n), 0)
    se = rng.uniform(0.1, 0.5, n)
    effect = truth + se * rng.standard_normal(n)
    probability = probability_beyond(effect, se, np.full(n, 0.2))
    beyond = truth * np.sign(effect) > 0.2
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95), (0.95, 1.01)):
        part = (probability >= low) & (probability < high)
        assert beyond[part].mean() == pytest.approx(probability[part].mean(), abs=0.04)


def test_known_mixture_has_a_closed_form():
    """All effects of one spread: the posterior is normal."""
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 2, 5_000)
    se = np.full(5_000, 0.5)
    effect = truth + 0.5 * rng.standard_normal(5_000)
    probability = probability_beyond(effect, se, np.full(5_000, 1.0))
    variance = 4 * 0.25 / 4.25
    expected = stats.norm.cdf((np.abs(effect) * 4 / 4.25 - 1) / np.sqrt(variance))
    assert np.abs(probability - expected).mean() < 0.02


def test_learns_from_those_named_only():
    effect, se = np.array([3.0, 0.1, -0.1, 0.2]), np.full(4, 0.2)
    learn_from = np.array([False, True, True, True])
    none = probability_beyond(effect, se, np.zeros(4), np.zeros(4, dtype=bool))
    assert np.isnan(none).all()
    assert probability_beyond(effect, se, np.zeros(4), learn_from)[0] < probability_beyond(effect, se, np.zeros(4))[0]
