import numpy as np
import pytest

from crystallin.stats import Difference, calibrated_by_decoys, target_decoy_q
from crystallin.stats._decoys import excess_variance


def test_excess_variance_is_found():
    rng = np.random.default_rng(0)
    variance = rng.uniform(0.5, 2, 50_000)
    values = np.sqrt(variance + 3) * rng.standard_normal(50_000)
    assert excess_variance(values, variance) == pytest.approx(3, rel=0.05)
    assert excess_variance(values, 10 * variance + 10) == 0
    assert excess_variance(np.zeros(5), np.zeros(5)) == 0
    assert excess_variance(np.ones(5), np.zeros(5)) == pytest.approx(1)


def test_badly_known_programs_are_widened_most():
    """Decoys show a difference of .05 in posterior means beyond their standard errors."""
    rng = np.random.default_rng(1)
    share = np.concatenate([[0.9, 0.2], np.full(2_000, 0.1)])
    se = np.full(2_002, 0.2)
    effect = np.concatenate([[1.0, 1.0], np.sqrt(0.2**2 + (0.05 / 0.1) ** 2) * rng.standard_normal(2_000)])
    is_decoy = np.arange(2_002) > 1
    result = calibrated_by_decoys(Difference(effect, se, 10.0), share, is_decoy)
    np.testing.assert_allclose(result.se[:2], np.sqrt(0.04 + (0.05 / share[:2]) ** 2), rtol=0.03)
    np.testing.assert_array_equal(result.effect, effect)
    # the excess, known from many decoys, is most of the second one's variance
    assert 10 < result.df[0] < 20 and result.df[1] > 30
    assert np.isnan(calibrated_by_decoys(Difference(effect, se, 10.0), share, np.arange(2_002) < 9).se).all()


def test_target_decoy_q_by_hand():
    target, decoy = np.array([9.0, 1.0, 5.0]), np.array([4.0, 0.0, 0.0])
    # above 9: no decoy and one target; above 5: none and two; above 1: one and three; one decoy is added to be sure
    np.testing.assert_allclose(target_decoy_q(target, decoy), [1 / 4 * 3 / 2, 2 / 4 * 3 / 3, 1 / 4 * 3 / 2])
    assert np.isnan(target_decoy_q(target, np.empty(0))).all()


def test_target_decoy_q_holds_where_targets_are_decoys():
    rng = np.random.default_rng(0)
    calls = [(target_decoy_q(*rng.normal(size=(2, 40))) <= 0.2).any() for _ in range(300)]
    assert np.mean(calls) < 0.2
