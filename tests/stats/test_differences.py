"""Laws that hold for every difference, whatever it was computed from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crystallin.stats import Difference, Means, compare_cells, compare_samples, expected_fdr, probability_beyond

effects = st.floats(-5, 5)
errors = st.floats(0.05, 3)
degrees = st.floats(1.5, 200)


def one(effect, se, df):
    return Difference(np.array([effect]), np.array([se]), np.array([df]))


@given(effects, errors, degrees)
def test_an_interval_holds_0_if_p_is_large(effect, se, df):
    difference = one(effect, se, df)
    (p,) = difference.p()
    for level in (0.5, 0.9, 0.99):
        (lower,), (upper,) = difference.interval(level)
        assert lower <= effect <= upper
        if abs(p - (1 - level)) > 1e-6:
            assert (lower <= 0 <= upper) == (p > 1 - level)


@given(effects, errors, degrees, st.floats(0, 2), st.floats(0, 2))
def test_a_wider_null_is_rejected_less(effect, se, df, delta, more):
    difference = one(effect, se, df)
    assert difference.p(delta + more)[0] >= difference.p(delta)[0] - 1e-12
    # at the end of the null: how often an estimate is as far from 0, on either side
    at_the_end = stats.t(df, loc=delta, scale=se)
    assert difference.p(delta)[0] == pytest.approx(min(1, at_the_end.sf(abs(effect)) + at_the_end.cdf(-abs(effect))))
    mirrored = one(-effect, se, df)
    assert mirrored.p(delta)[0] == pytest.approx(difference.p(delta)[0])


@given(effects, errors, degrees)
def test_a_normal_is_as_sure_and_never_surer(effect, se, df):
    difference = one(effect, se, df)
    normal = difference.as_normal()
    assert normal.effect[0] == effect and normal.se[0] >= se
    size = abs(effect / se)
    if 1e-3 < size < 8:
        assert 2 * stats.norm.sf(abs(normal.statistic[0])) == pytest.approx(difference.p()[0], rel=1e-6)


def test_swapping_sides_flips_the_sign_and_nothing_else():
    rng = np.random.default_rng(0)
    means = Means(rng.normal(size=(2, 6)), rng.uniform(0.1, 1, (2, 6)))
    n = np.array([40, 90])
    there = compare_cells(means, n)
    back = compare_cells(Means(means.mean[::-1], means.variance[::-1]), n[::-1])
    np.testing.assert_allclose(back.effect, -there.effect)
    np.testing.assert_allclose(back.se, there.se)
    np.testing.assert_allclose(back.df, there.df)


# the first of two coefficients is the difference
FIRST = np.array([1.0, 0.0])


def samples(rng):
    design = np.column_stack([np.repeat([1.0, 0.0], 6), np.ones(12)])
    return Means(rng.normal(size=(12, 5)), rng.uniform(0.1, 1, (12, 5))), design


def test_order_of_samples_and_programs_does_not_matter():
    rng = np.random.default_rng(1)
    means, design = samples(rng)
    learnt = np.array([True, True, True, True, False])
    expected = compare_samples(means, design, FIRST, prior_from=learnt)
    rows, columns = rng.permutation(12), rng.permutation(5)
    found = compare_samples(
        Means(means.mean[rows][:, columns], means.variance[rows][:, columns]),
        design[rows],
        FIRST,
        prior_from=learnt[columns],
    )
    np.testing.assert_allclose(found.effect, expected.effect[columns])
    np.testing.assert_allclose(found.se, expected.se[columns])
    assert found.df == pytest.approx(expected.df)


@pytest.mark.parametrize("factor", [0.01, 3.0, 1000.0])
def test_units_do_not_matter(factor):
    means, design = samples(np.random.default_rng(2))
    everyone = np.ones(5, dtype=bool)
    expected = compare_samples(means, design, FIRST, prior_from=everyone)
    scaled = Means(factor * means.mean, factor**2 * means.variance)
    found = compare_samples(scaled, design, FIRST, prior_from=everyone)
    np.testing.assert_allclose(found.effect, factor * expected.effect)
    np.testing.assert_allclose(found.statistic, expected.statistic)
    # a constant added to all samples is taken up by the intercept
    shifted = compare_samples(Means(means.mean + factor, means.variance), design, FIRST, prior_from=everyone)
    np.testing.assert_allclose(shifted.statistic, expected.statistic, rtol=1e-6)


def test_a_decoy_does_not_change_what_is_learnt():
    means, design = samples(np.random.default_rng(3))
    learnt = np.array([True, True, True, True, False])
    before = compare_samples(means, design, FIRST, prior_from=learnt)
    means.mean[:, 4] *= 50
    after = compare_samples(means, design, FIRST, prior_from=learnt)
    np.testing.assert_allclose(after.se[:4], before.se[:4])
    assert after.se[4] > before.se[4]


@pytest.fixture
def many():
    rng = np.random.default_rng(4)
    true = np.where(rng.random(300) < 0.3, rng.normal(0, 2, 300), 0)
    se = rng.uniform(0.2, 0.6, 300)
    return true, true + se * rng.standard_normal(300), se


def test_probabilities_do_not_know_signs_units_or_order(many):
    _, effect, se = many
    delta = np.full(300, 0.2)
    expected = probability_beyond(effect, se, delta)
    np.testing.assert_allclose(probability_beyond(-effect, se, delta), expected)
    np.testing.assert_allclose(probability_beyond(10 * effect, 10 * se, 10 * delta), expected, atol=1e-6)
    np.testing.assert_allclose(probability_beyond(effect[::-1], se[::-1], delta), expected[::-1], atol=1e-9)
    assert ((expected >= 0) & (expected <= 1)).all()


def test_probabilities_fall_with_the_size_asked_for_and_keep_their_promise(many):
    true, effect, se = many
    before = np.ones(300)
    for delta in (0.0, 0.2, 0.5, 2.0):
        probability = probability_beyond(effect, se, np.full(300, delta))
        assert (probability <= before + 1e-9).all()
        before = probability
        called = expected_fdr(probability) <= 0.05
        false = np.abs(true) <= delta
        # what is promised, and two standard errors of a share of so many
        assert false[called].mean() <= 0.05 + 2 * np.sqrt(0.05 / max(called.sum(), 1)), delta


def test_where_nothing_differs_a_large_estimate_is_believed_less():
    """The same estimate among noise, and among differences."""
    rng = np.random.default_rng(5)
    se = np.ones(200)
    noise, signal = rng.standard_normal(200), 4 * rng.standard_normal(200)
    noise[0] = signal[0] = 3.2
    among_noise, among_signal = (probability_beyond(effect, se, np.zeros(200))[0] for effect in (noise, signal))
    assert among_noise < 0.5 < 0.95 < among_signal
    # those that no weight was learnt from are judged by the same weights
    learn_from = np.arange(200) > 0
    judged = probability_beyond(noise, se, np.zeros(200), learn_from)[0]
    assert judged == pytest.approx(among_noise, abs=0.2) and judged <= among_noise
    assert np.isnan(probability_beyond(noise, se, np.zeros(200), np.zeros(200, dtype=bool))).all()
