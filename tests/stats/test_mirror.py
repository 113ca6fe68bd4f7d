"""False discovery rates from mirror images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin import stats


def test_by_hand():
    score = np.array([5.0, 4.0, 3.0, 2.0, -2.5, -1.0, np.nan])
    q = stats.mirror_q(score, -score)
    # above 3 there is no mirror image, above 2 one: (1 + 0) / 3 and (1 + 1) / 4
    np.testing.assert_allclose(q, [1 / 3, 1 / 3, 1 / 3, 0.5, 1, 1, 1])


def test_without_the_correction():
    score = np.array([5.0, 4.0, 3.0, 2.0, -2.5])
    np.testing.assert_allclose(stats.mirror_q(score, -score, extra=0), [0, 0, 0, 0.25, 1])


def test_equal_scores_are_called_together():
    q = stats.mirror_q(np.array([2.0, 2.0, 1.0]), np.array([-2.0, -2.0, 1.0]))
    np.testing.assert_allclose(q, [0.5, 0.5, 2 / 3])


@given(st.lists(st.floats(-10, 10), max_size=40))
def test_better_scores_have_smaller_q(values):
    score = np.array(values)
    q = stats.mirror_q(score, -score)
    order = np.argsort(-score, kind="stable")
    assert (np.diff(q[order]) >= -1e-12).all() and ((q > 0) & (q <= 1)).all()


@pytest.mark.parametrize("fdr", [0.05, 0.2])
def test_the_rate_holds(fdr):
    rng = np.random.default_rng(0)
    share = []
    for _ in range(60):
        score = rng.standard_t(4, 3_000)
        score[:100] += 6
        called = stats.mirror_q(score, -score) <= fdr
        share.append(called[100:].sum() / max(called.sum(), 1))
    assert np.mean(share) <= fdr


def test_chance_alone_calls_next_to_nothing():
    rng = np.random.default_rng(1)
    calls = [(stats.mirror_q(x, -x) <= 0.1).any() for x in rng.normal(size=(100, 500))]
    assert np.mean(calls) <= 0.1
