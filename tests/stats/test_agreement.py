import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin.stats import kendall, rank_biased_overlap, robust_ranks

orders = st.permutations(list(range(8)))


def test_overlap_by_hand():
    # shares of the first one, two, three that both have: 0, 1/2, 2/3; as it goes on like the last
    p, shares = 0.8, [0, 1 / 2, 2 / 3]
    endless = [*shares, *[shares[-1]] * 2_000]
    expected = (1 - p) * sum(share * p**d for d, share in enumerate(endless))
    assert rank_biased_overlap(np.array([0, 1, 2]), np.array([1, 3, 0]), p) == pytest.approx(expected)


@given(orders, orders)
def test_overlap_is_symmetric_and_one_for_the_same(a, b):
    a, b = np.array(a), np.array(b)
    assert rank_biased_overlap(a, b, 0.9) == pytest.approx(rank_biased_overlap(b, a, 0.9))
    assert rank_biased_overlap(a, a, 0.9) == pytest.approx(1)
    assert 0 <= rank_biased_overlap(a, b, 0.9) <= 1
    assert rank_biased_overlap(a, a + 8, 0.9) == 0


def test_the_top_counts_most():
    a = np.arange(20)
    top, bottom = a.copy(), a.copy()
    top[[0, 1]], bottom[[18, 19]] = top[[1, 0]], bottom[[19, 18]]
    assert rank_biased_overlap(a, top, 0.9) < rank_biased_overlap(a, bottom, 0.9)


def test_kendall():
    assert kendall(np.array([1, 2, 3]), np.array([3, 5, 9])) == 1
    assert kendall(np.array([1, 2, 3]), np.array([1, 1, 1])) == 0
    assert kendall(np.array([1.0]), np.array([2.0])) == 0


def test_robust_ranks_are_probabilities_under_chance():
    """Of all ways three rankings can order four things, how many rank the first thing as high."""
    places = np.array(list(itertools.permutations(range(4))))
    one = -np.array([[0, 1, 2, 3], [0, 2, 1, 3], [1, 0, 2, 3]])
    rho = robust_ranks(one)
    assert rho.argmin() == 0 and (rho <= 1).all()
    # chance: rho is below a level about as often as the level says, or less
    rng = np.random.default_rng(0)
    null = np.array([robust_ranks(-places[rng.integers(0, 24, 3)])[0] for _ in range(2_000)])
    assert (null <= 0.5).mean() <= 0.5 and (null <= 0.2).mean() <= 0.2
    # one ranking alone that has it first convinces less than two
    assert robust_ranks(np.array([[9.0, 0, 1], [0, 9, 8]]))[0] > robust_ranks(np.array([[9.0, 0, 1], [9, 0, 1]]))[0]
