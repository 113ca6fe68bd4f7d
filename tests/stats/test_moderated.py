import numpy as np
import pytest
from scipy import stats
from scipy.special import polygamma

from crystallin.stats import n_independent, squeezed_variances, variance_prior
from crystallin.stats._moderated import inverse_trigamma


def squeezed(variance, df, independent=np.inf):
    return squeezed_variances(variance, df, *variance_prior(variance, df, independent), independent)


@pytest.mark.parametrize("x", [1e-3, 0.1, 1.0, 7.0, 1e4])
def test_inverse_trigamma(x):
    assert inverse_trigamma(polygamma(1, x)) == pytest.approx(x, rel=1e-6)


def test_as_limma():
    """``squeezeVar`` of limma as ported by inmoose 0.9.1 gives these numbers."""
    variance = np.array([0.31, 0.12, 0.95, 0.44, 0.27, 1.8, 0.08, 0.61, 0.22, 0.37, 0.5, 0.16])
    posterior, df = squeezed(variance, 4)
    expected = [0.40081871, 0.36610814, 0.51773855, 0.42456806, 0.39351122, 0.67302272]
    np.testing.assert_allclose(posterior[:6], expected, rtol=1e-7)
    assert df == pytest.approx(4 + 17.89534302782988)


def test_variances_no_more_spread_than_chance_are_all_the_mean():
    variance = np.array([0.31, 0.32, 0.35, 0.34, 0.27, 0.36, 0.28, 0.31, 0.32, 0.37, 0.3, 0.36])
    posterior, df = squeezed(variance, 4)
    np.testing.assert_allclose(posterior, variance.mean())
    assert df == np.inf
    # twelve programs cannot tell that as surely as thousands of genes
    _, few = squeezed(variance, 4, 12)
    assert few <= 4 * 12


def test_the_prior_is_found():
    rng = np.random.default_rng(0)
    true = 0.2 * 8 / rng.chisquare(8, 20_000)
    posterior, df = squeezed(true * rng.chisquare(4, 20_000) / 4, 4)
    assert df == pytest.approx(12, rel=0.05)
    # nearer to the truth than the variances themselves would be
    assert np.corrcoef(np.log(posterior), np.log(true))[0, 1] > 0.5


def test_too_few_to_learn_from():
    variance = np.array([0.1, 0.2, 0.0, np.nan])
    posterior, df = squeezed(variance, 3)
    np.testing.assert_allclose(posterior, variance)
    assert df == 3


def residuals(rng, n_units, n_programs, correlation):
    """Residuals around the mean, of programs that share an axis."""
    axis = rng.standard_normal((n_units, 1)) * rng.choice([-1, 1], n_programs)
    values = np.sqrt(correlation) * axis + np.sqrt(1 - correlation) * rng.standard_normal((n_units, n_programs))
    return values - values.mean(axis=0)


@pytest.mark.parametrize("n_units", [4, 6, 13])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_number_of_independent_programs(n_units, correlation):
    """``P² / sum r²``, to which the assumption adds less and less."""
    rng = np.random.default_rng(0)
    found = [n_independent(residuals(rng, n_units, 40, correlation), n_units - 1) for _ in range(200)]
    df, squared = n_units - 1, correlation**2
    believed = ((df - 1) * squared + 0.25) / df
    assert np.median(found) == pytest.approx(40 / (1 + 39 * believed), rel=0.35)


def test_the_same_program_many_times_is_one():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((9, 1))
    assert n_independent(np.tile(one - one.mean(), 30), 8) == pytest.approx(1, abs=0.15)
    assert n_independent(np.zeros((9, 30)), 8) == 1
    assert n_independent(np.tile(one, 1), 8) == 1


@pytest.mark.parametrize(
    ("n_units", "correlation"), [(2, 0.0), (2, 0.5), (3, 0.0), (3, 0.5), (4, 0.5), (10, 0.0), (10, 0.5), (10, 0.9)]
)
def test_few_correlated_programs_of_few_samples(n_units, correlation):
    """Type I error at nominal 5, 1 and .1 %, where variances of programs truly differ (inverse gamma, df 8)."""
    rng = np.random.default_rng(n_units)
    p = []
    for _ in range(600):
        scale = np.sqrt(8 / rng.chisquare(8, 40))
        values = residuals(rng, n_units, 40, correlation) * scale
        # the mean of the same samples: independent of the residuals, and with the same correlation
        axis = rng.standard_normal() * rng.choice([-1, 1], 40)
        mean = (np.sqrt(correlation) * axis + np.sqrt(1 - correlation) * rng.standard_normal(40)) * scale
        variance, df = squeezed(
            (values**2).sum(axis=0) / (n_units - 1), n_units - 1, n_independent(values, n_units - 1)
        )
        p.append(2 * stats.t.sf(np.abs(mean) / np.sqrt(variance), df))
    p = np.concatenate(p)
    assert (p < 0.05).mean() < 0.06
    assert (p < 0.01).mean() < 0.013
    assert (p < 0.001).mean() < 0.0015
