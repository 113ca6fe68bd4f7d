import numpy as np

from crystallin.stats import collect_moments, independent, root


def test_independent_columns():
    ones, x = np.ones((6, 1)), np.arange(6.0) ** 2
    assert independent(ones, np.column_stack([ones, x, 2 * x + 3, np.arange(6)])).tolist() == [1, 3]
    assert independent(ones, np.zeros((6, 2))).tolist() == []


def test_root_and_gram():
    """The columns of the root have the scalar products of intercept, side and covariates over the cells."""
    rng = np.random.default_rng(0)
    side, covariates = rng.integers(0, 2, 50), rng.standard_normal((50, 2))
    y = rng.standard_normal((50, 3))
    moments, _ = collect_moments(y, np.zeros_like(y), side, 2, covariates=covariates)
    columns = np.column_stack([np.ones(50), side == 0, covariates])
    np.testing.assert_allclose(moments.gram(), columns.T @ columns)
    found = root(moments.gram())
    np.testing.assert_allclose(found.T @ found, columns.T @ columns, atol=1e-10)
