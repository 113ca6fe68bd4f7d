import numpy as np
import pytest

from crystallin import stats


def test_p_values_are_exact_under_the_null():
    """P(p <= a) is at most a, and close to it where a can be reached."""
    rng = np.random.default_rng(0)
    observed = rng.normal(size=4_000)
    found = stats.sequential_permutation(observed, lambda i: rng.normal(size=len(i)), n_max=500)
    for level in (0.01, 0.05, 0.1, 0.5):
        share = (found.p <= level).mean()
        assert share <= level + 3 * np.sqrt(level / 4_000) and share > 0.8 * level
    assert found.p.min() >= 1 / 501 and found.n.mean() < 150
    np.testing.assert_allclose(found.mean[found.n > 100], 0, atol=0.5)


def test_it_stops_where_there_is_nothing_to_find_and_goes_on_elsewhere():
    rng = np.random.default_rng(1)
    observed = np.array([10.0, -10.0, np.nan, 1.6])
    asked = []

    def draw(positions):
        asked.append(positions.tolist())
        return rng.normal(size=len(positions))

    found = stats.sequential_permutation(observed, draw, n_max=300, max_exceeding=5)
    assert found.p[0] == pytest.approx(1 / 301) and found.n[0] == 300
    # every draw is as large, so it ends with the fifth
    assert found.p[1] == 1 and found.n[1] == 5
    assert np.isnan(found.p[2]) and found.n[2] == 0
    assert asked[0] == [0, 1, 3] and asked[5][:1] == [0] and 1 not in asked[5]
    assert found.n[3] < 300 and found.p[3] == 5 / found.n[3]
    assert found.sd[0] == pytest.approx(1, abs=0.15)


def test_nothing_to_test():
    def draw(positions):
        pytest.fail(f"asked for {positions}")

    for observed in (np.full(3, np.nan), np.zeros(0)):
        found = stats.sequential_permutation(observed, draw, n_max=200)
        for values in (found.p, found.mean, found.sd):
            assert len(values) == len(observed) and np.isnan(values).all()
