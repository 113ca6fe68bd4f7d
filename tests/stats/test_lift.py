import numpy as np
import pytest

from crystallin.stats import draws_of_mean, lift, superiority, wilson


def test_two_levels_are_found_and_their_distance_is_the_lift():
    truth = np.array([[2.0], [2.0], [2.0], [0.0], [0.2]])
    found = lift(truth * 0.64, np.full_like(truth, 0.64))
    assert found.off[:, 0].tolist() == [False, False, False, True, True]
    # freed from the pull of the prior, then in standard deviations of posterior means
    np.testing.assert_allclose(found.value[:, 0], (truth[:, 0] - 0.1) * 0.8)


def test_groups_of_unequal_depth_have_one_level():
    share = np.array([[0.9], [0.8], [0.3], [0.9]])
    found = lift(np.array([[2.0], [2.0], [-1.0], [-1.0]]) * share, share)
    # off in the last two, both at -1 whatever their depth
    np.testing.assert_allclose(found.value[:, 0] / np.sqrt(share[:, 0]), [3, 3, 0, 0], atol=1e-12)


def test_off_level_does_not_rise_with_the_number_of_groups_that_share_a_program():
    few, many = np.array([[2.0], [0.0], [0.0], [0.0]]), np.array([[2.0], [2.0], [2.0], [0.0]])
    share = np.ones((4, 1))
    assert lift(few, share).value[0, 0] == lift(many, share).value[0, 0] == 2


def test_a_program_that_the_counts_hardly_tell_is_not_made_large():
    mean, share = np.array([[0.01, 1.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    value = lift(mean, share).value
    assert value[0, 0] < 0.5 < value[0, 1]


def test_groups_that_are_too_small_are_no_reference_but_are_compared():
    mean, share = np.array([[1.0], [1.0], [-3.0]]), np.ones((3, 1))
    found = lift(mean, share, np.array([True, True, False]))
    assert found.value[:, 0].tolist() == [0, 0, -4] and not found.off[2, 0]
    # where there is no other choice they are
    assert lift(mean, share, np.array([True, False, False])).value[0, 0] == 4


def test_one_group_is_its_own_reference():
    assert lift(np.array([[1.0, -2.0]]), np.ones((1, 2))).value.tolist() == [[0.0, 0.0]]


def test_draws_have_the_mean_and_covariance_of_a_mean():
    rng = np.random.default_rng(0)
    values = rng.multivariate_normal([1, -1], [[1, 0.8], [0.8, 2]], size=50)
    draws = draws_of_mean(values, 20_000, rng)
    np.testing.assert_allclose(draws.mean(axis=0), values.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(np.cov(draws.T), np.cov(values.T) / 50, rtol=0.05)


def test_draws_in_chunks_and_of_one_unit(monkeypatch):
    values = np.random.default_rng(1).normal(size=(30, 2))
    monkeypatch.setattr("crystallin.stats._draws.CHUNK", 7)
    draws = draws_of_mean(values, 20_000, np.random.default_rng(2))
    np.testing.assert_allclose(draws.std(axis=0), values.std(axis=0, ddof=1) / np.sqrt(30), rtol=0.05)
    assert np.isnan(draws_of_mean(values[:1], 3, np.random.default_rng(0))).all()


def test_superiority_is_mann_whitneys():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40), rng.integers(1, 7, 55)
    assert superiority(a, np.sort(b)) == pytest.approx(mannwhitneyu(a, b).statistic / (40 * 55))
    assert np.isnan(superiority(a, np.array([])))


def test_wilson_is_that_of_scipy():
    from scipy.stats import binomtest

    for hits, n in ((0, 10), (3, 10), (10, 10), (1, 1)):
        low, high = wilson(hits, n)
        expected = binomtest(hits, n).proportion_ci(0.95, "wilson")
        assert (float(low), float(high)) == pytest.approx((expected.low, expected.high))
    assert np.isnan(wilson(0, 0)).all()
