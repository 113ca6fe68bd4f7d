import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from crystallin.stats import Difference, Means, compare_cells, compare_samples, overlap

DESIGN = np.column_stack([np.repeat([1.0, 0.0], 6), np.ones(12)])
# the first coefficient is the difference
FIRST = np.array([1.0, 0.0, 0.0])


def everything(n):
    return np.ones(n, dtype=bool)


def test_equal_variances_give_least_squares():
    """Coefficients as statsmodels' OLS; with one program there is nothing to moderate by, so standard errors too."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((12, 1))
    design = np.column_stack([DESIGN, rng.standard_normal(12)])
    difference = compare_samples(
        Means(y, np.full((12, 1), 0.1)), design, FIRST[: design.shape[1]], prior_from=everything(1)
    )
    fit = sm.OLS(y[:, 0], design).fit()
    np.testing.assert_allclose(difference.effect, fit.params[0])
    np.testing.assert_allclose(difference.se, fit.bse[0])
    assert difference.df == 9
    np.testing.assert_allclose(difference.p(), fit.pvalues[0])
    np.testing.assert_allclose(np.ravel(difference.interval()), fit.conf_int()[0])


def test_unequal_variances_give_weighted_least_squares():
    rng = np.random.default_rng(1)
    variance = rng.uniform(0.5, 40, (12, 1))
    # no more spread than the known variances make: but samples are taken to differ as much as these on average
    y = 0.01 * rng.standard_normal((12, 1))
    difference = compare_samples(Means(y, variance), DESIGN, FIRST[:2], prior_from=everything(1))
    fit = sm.WLS(y[:, 0], DESIGN, weights=1 / (variance + variance.mean())[:, 0]).fit()
    np.testing.assert_allclose(difference.effect, fit.params[0])
    np.testing.assert_allclose(difference.se, fit.bse[0])


def test_many_cells_of_one_sample_do_not_decide():
    """Where samples differ, but those of the typical program do not, few large samples must not look certain."""
    rng = np.random.default_rng(6)
    p = []
    for _ in range(150):
        known = np.tile(0.3 / rng.lognormal(0, 1.2, (8, 1)), 30)
        y = np.sqrt(known) * rng.standard_normal((8, 30))
        y[:, :6] += rng.standard_normal((8, 6))
        design = np.column_stack([np.repeat([1.0, 0.0], 4), np.ones(8)])
        p.append(compare_samples(Means(y, known), design, FIRST[:2], prior_from=everything(30)).p()[:6])
    p = np.concatenate(p)
    # these are the programs for which the typical variance is wrong; by weights of the typical program it is .137
    assert (p < 0.05).mean() < 0.115
    assert (p < 0.001).mean() < 0.002


@pytest.mark.parametrize("noise", ["equal", "unequal"])
def test_p_values_are_uniform_without_a_difference(noise):
    """Donors differ, and some programs, and some samples, are known far worse than others."""
    rng = np.random.default_rng(2)
    p_values, effects, covered = [], [], []
    for _ in range(60):
        known = np.full((12, 50), 0.02)
        if noise == "unequal":
            known = rng.uniform(0.005, 0.3, (12, 1)) * rng.choice([0.1, 1, 10], 50)
        y = 0.2 * rng.standard_normal((12, 50)) + np.sqrt(known) * rng.standard_normal((12, 50))
        y[:6] += 0.3
        difference = compare_samples(Means(y, known), DESIGN, FIRST[:2], prior_from=everything(50))
        low, high = difference.interval()
        covered.append((low < 0.3) & (high > 0.3))
        effects.append(difference.effect)
        null = Difference(difference.effect - 0.3, difference.se, difference.df)
        p_values.append(null.p())
    p = np.concatenate(p_values)
    # where samples are known unequally well it errs on the safe side
    assert 0.03 < (p < 0.05).mean() < 0.06
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert np.mean(effects) == pytest.approx(0.3, abs=0.01)
    assert 0.94 <= np.mean(covered) <= 0.97


def test_moderation_gains_power():
    rng = np.random.default_rng(3)
    y = 0.2 * rng.standard_normal((6, 200))
    y[:3, :50] += 0.5
    design = np.column_stack([np.repeat([1.0, 0.0], 3), np.ones(6)])
    moderated = compare_samples(
        Means(y, np.full(y.shape, 0.001)), design, FIRST[: design.shape[1]], prior_from=everything(200)
    )
    alone = stats.ttest_ind(y[:3], y[3:]).pvalue
    assert moderated.df > 4
    assert (moderated.p()[:50] < 0.01).mean() > (alone[:50] < 0.01).mean() + 0.1


def test_interval_null():
    difference = Difference(np.array([0.3, 0.3]), np.array([0.1, 0.1]), 20.0)
    assert difference.p()[0] == pytest.approx(2 * stats.t.sf(3, 20))
    expected = stats.t.sf(1, 20) + stats.t.sf(5, 20)
    np.testing.assert_allclose(difference.p(np.array([0.2, 0.2])), expected)
    # as sure in normal units as in those of t
    normal = difference.as_normal()
    np.testing.assert_allclose(normal.p(), difference.p())
    same = Difference(np.array([0.3]), np.array([0.1]), np.inf)
    np.testing.assert_allclose(same.as_normal().se, same.se)


def test_cells_are_compared_as_by_welch():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.4, 1, 30), rng.normal(0, 3, 8)
    means = Means(np.array([[a.mean()], [b.mean()]]), np.array([[a.var(ddof=1) / 30], [b.var(ddof=1) / 8]]))
    difference = compare_cells(means, np.array([30, 8]))
    welch = stats.ttest_ind(a, b, equal_var=False)
    np.testing.assert_allclose(difference.p(), welch.pvalue)
    np.testing.assert_allclose(difference.df, welch.df)


def test_overlap_is_the_share_of_pairs():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0.7, 1, 2_000), rng.normal(0, 2, 2_000)
    pairs = (a[:, None] > b).mean()
    closed = overlap(np.array([[0.7], [0.0]]), np.array([[1.0], [4.0]]))
    assert closed[0] == pytest.approx(pairs, abs=0.02)
