"""Differences of totals: which programs and genes they come from, without a model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from crystallin.stats import breadth
from crystallin.tl._differences import Totals

N_PROGRAMS, N_GENES = 12, 40


def totals_of(seed, n_unannotated=0):
    rng = np.random.default_rng(seed)
    member = rng.random((N_PROGRAMS, N_GENES)) < 0.25
    member[:, 0] = True
    loadings = np.concatenate([member * rng.gamma(2, 0.3, member.shape), rng.normal(0, 0.1, (n_unannotated, N_GENES))])
    gene_weights = member * rng.uniform(0.5, 1, N_GENES)
    weights = gene_weights @ loadings.T
    length = np.linalg.norm(weights, axis=1, keepdims=True)
    names = np.array([f"p{i}" for i in range(N_PROGRAMS)] + [f"free {i}" for i in range(n_unannotated)], dtype=object)
    return Totals(names, weights / length, sparse.csr_matrix(gene_weights / length), loadings.T)


@given(st.integers(0, 1_000), st.integers(0, 4))
def test_unannotated_dimensions_follow_from_what_programs_leave_over(seed, n_unannotated):
    totals = totals_of(seed, n_unannotated)
    difference = np.random.default_rng(seed).standard_normal(N_PROGRAMS + n_unannotated)
    total = totals.weights @ difference
    found = totals.of_dimensions(difference[:N_PROGRAMS], total)
    np.testing.assert_allclose(found, difference, atol=1e-8)


@given(st.integers(0, 1_000), st.integers(0, 4))
def test_breadth_is_that_of_the_members_parts_of_the_sum(seed, n_unannotated):
    totals = totals_of(seed, n_unannotated)
    difference = np.random.default_rng(seed).standard_normal(N_PROGRAMS + n_unannotated)
    parts = totals.gene_weights.toarray() * (totals.loadings @ difference)
    np.testing.assert_allclose(parts.sum(axis=1), totals.weights @ difference)
    np.testing.assert_allclose(totals.breadths(difference), [breadth(row) for row in parts])


def test_one_loud_gene_is_seen():
    gene_weights = sparse.csr_matrix(np.array([[1.0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]))
    loadings = np.array([[3.0, 0.01, 0.01, 0.01, 0], [0, 0, 0.5, 0.5, 0.5]]).T
    totals = Totals(np.array(["loud", "broad"], dtype=object), np.eye(2), gene_weights, loadings)
    found = totals.breadths(np.array([1.0, 0.1]))
    assert found[0] < 1.2 and found[1] > 2.9
    assert totals.breadths(np.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("weights", "difference", "expected"),
    [
        # its own part is larger than those of the others
        ([0.9, 0.3, 0.1, 0.0, 0.0], [1, 1, 1, 0, 0], ""),
        ([0.9, 0.3, 0.1, 0.0, 0.0], [1, -2, -1, 0, 0], ""),
        # two others take it, the larger first
        ([0.5, 0.5, 0.6, 0.0, 0.0], [-1, 2, 3, 5, 5], "p2; p1"),
        # not those that pull the other way, and not those below a tenth of the whole
        ([0.5, 0.5, 0.6, 0.1, 0.3], [-1, 4, 4, 1, -2], "p2; p1"),
        # three at most
        ([0.1, 0.5, 0.5, 0.5, 0.5], [-1, 4, 3, 2, 1], "p1; p2; p3"),
        ([0.0, 0.0, 0.0, 0.0, 0.0], [1, 1, 1, 1, 1], ""),
    ],
)
def test_who_explains_the_difference_between_the_readings(weights, difference, expected):
    every = np.eye(5)
    every[0] = weights
    names = np.array([f"p{i}" for i in range(5)], dtype=object)
    totals = Totals(names, every, sparse.csr_matrix((5, 3)), np.zeros((3, 5)))
    found = totals.explained_by(np.array(difference, dtype=float))
    assert found[0] == expected and (found[1:] == "").all()
