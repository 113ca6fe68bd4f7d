import numpy as np
import pytest

from crystallin.stats import infidelity


def test_it_is_what_regression_through_the_origin_leaves():
    rng = np.random.default_rng(0)
    foretold, change = rng.normal(size=(2, 50))
    scale = np.linalg.lstsq(foretold[:, None], change, rcond=None)[0][0]
    expected = ((change - scale * foretold) ** 2).sum() / (change**2).sum()
    assert infidelity(foretold, change) == pytest.approx(expected)
    assert infidelity(3 * change, change) == pytest.approx(0)
    assert infidelity(np.zeros(50), change) == 1
