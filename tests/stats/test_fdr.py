import numpy as np

from crystallin.stats import benjamini_hochberg, expected_fdr


def test_benjamini_hochberg():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5])
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()


def test_expected_fdr():
    probability = np.array([0.9, 1.0, np.nan, 0.9, 0.5])
    # the two at .9 are called together
    np.testing.assert_allclose(expected_fdr(probability), [0.2 / 3, 0, np.nan, 0.2 / 3, 0.7 / 4])


def test_expected_fdr_is_what_it_says():
    rng = np.random.default_rng(0)
    probability = rng.beta(2, 1, 200_000)
    false = rng.random(200_000) > probability
    called = expected_fdr(probability) <= 0.1
    assert abs(false[called].mean() - 0.1) < 0.005
