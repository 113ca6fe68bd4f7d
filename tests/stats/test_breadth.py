import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin.stats import breadth

contributions = st.lists(st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=20)


@pytest.mark.parametrize("n", [1, 2, 17])
def test_equal_parts_count_in_full(n):
    assert breadth(np.full(n, -0.3)) == pytest.approx(n)


def test_parts_of_two_sizes_by_hand():
    # one of size 3 and three of size 1: 6² / 12
    assert breadth(np.array([3.0, 1, -1, 1])) == pytest.approx(3)
    assert breadth(np.array([0.0, 5, 0])) == 1
    assert breadth(np.zeros(4)) == 0 and breadth(np.empty(0)) == 0


@given(contributions, st.floats(0.01, 100))
def test_it_depends_on_relative_sizes_alone(values, factor):
    values = np.array(values)
    expected = breadth(values)
    assert breadth(-factor * values) == pytest.approx(expected)
    assert breadth(values[::-1]) == pytest.approx(expected)
    assert breadth(np.append(values, 0)) == pytest.approx(expected)
    if values.any():
        assert 1 - 1e-9 <= expected <= np.count_nonzero(values) + 1e-9


@given(contributions.filter(any))
def test_twice_the_same_parts_are_twice_as_many(values):
    assert breadth(np.tile(values, 2)) == pytest.approx(2 * breadth(np.array(values)))
