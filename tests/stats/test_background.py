"""What other programs cast on a program, and the spread that is left."""

import numpy as np
import pytest
from scipy import sparse

from crystallin import stats
from crystallin.stats._background import background, robust_spread, shadow


@pytest.mark.parametrize("k", [0.0, 0.5, 4.0])
def test_spread_is_found_beside_outliers(k):
    rng = np.random.default_rng(0)
    variance, unit = rng.uniform(0.5, 2, 20_000), rng.uniform(0, 2, 20_000)
    values = rng.normal(0, np.sqrt(variance + k * unit))
    values[:100] = 50
    assert robust_spread(np.square(values), variance, unit) == pytest.approx(k, abs=0.1, rel=0.07)


def test_spread_of_nothing_is_none():
    assert robust_spread(np.zeros(0), np.zeros(0), np.zeros(0)) == 0
    assert robust_spread(np.full(5, 100.0), np.ones(5), np.zeros(5)) == 0


def shadowed(seed=0, n_genes=3_000, n_programs=6):
    rng = np.random.default_rng(seed)
    others = rng.gamma(2, 0.2, (n_genes, n_programs)) * (rng.random((n_genes, n_programs)) < 0.2)
    share = np.array([0.2, -0.15, 0, 0, 0, 0])
    sd = rng.uniform(0.02, 0.1, n_genes)
    loading = others @ share + rng.normal(0, sd)
    member = np.zeros(n_genes, dtype=bool)
    member[:100] = True
    missing = np.arange(100, 120)
    loading[:120] += 0.5
    return loading, sd, sparse.csr_matrix(others), member, missing, others @ share


def test_shadows_of_other_programs_are_taken_away():
    loading, sd, others, member, missing, cast = shadowed()
    found = shadow(loading, sd**2, others, ~member)
    rest = np.setdiff1d(np.arange(len(loading)), missing)
    assert np.corrcoef(found[rest], cast[rest])[0, 1] > 0.99
    clean, spread = stats.without_background(loading, sd, others, member)
    null = np.flatnonzero(~member)[20:]
    assert np.std(clean[null] / spread[null]) == pytest.approx(1, abs=0.1)
    # missing members stay what they are
    assert clean[missing].mean() == pytest.approx(0.5, abs=0.05)
    assert np.std(loading[null] / sd[null]) > 1.1


def test_a_gene_does_not_predict_itself():
    """One gene alone loads on another program: what it does is not what that program casts."""
    rng = np.random.default_rng(1)
    others = np.zeros((200, 2))
    others[0, 0] = 1
    loading, sd = rng.normal(0, 0.1, 200), np.full(200, 0.1)
    loading[0] = 3
    found = shadow(loading, sd**2, sparse.csr_matrix(others), np.ones(200, dtype=bool))
    assert abs(found[0]) < 0.5


def test_genes_that_vary_more_scatter_more():
    rng = np.random.default_rng(2)
    size, variance = rng.gamma(1, 1, 5_000), rng.uniform(0.01, 0.02, 5_000)
    loading = rng.normal(0, np.sqrt(1.3 * variance + 0.05 * size))
    factor, share = background(loading, variance, size)
    # a quarter of it is taken for chance
    assert factor >= 1.2
    assert share == pytest.approx(0.0125, rel=0.2)
