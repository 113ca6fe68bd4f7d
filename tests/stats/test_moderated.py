import numpy as np
import pytest
from scipy.special import polygamma

from crystallin.stats import squeezed_variances, variance_prior
from crystallin.stats._moderated import inverse_trigamma


def squeezed(variance, df):
    return squeezed_variances(variance, df, *variance_prior(variance, df), n_learnt_from=len(variance))


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
    assert df == 4 * 12


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
