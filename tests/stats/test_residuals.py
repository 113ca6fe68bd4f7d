import numpy as np
import pytest
from scipy import sparse

from crystallin import stats
from crystallin.stats import _residuals


def counts_of(n_cells, n_genes, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.lognormal(0, 0.5, (n_cells, 1))
    shared = rng.normal(0, 1, (n_cells, 1))
    loading = np.where(np.arange(n_genes) < 10, 0.7, 0)
    return sparse.csr_matrix(rng.poisson(np.exp(0.5 + shared * loading) * depth).astype(np.float32))


def plain_residuals(counts, strata):
    """As the papers have it, one stratum after the other."""
    x = counts.toarray().astype(float)
    residuals = np.zeros_like(x)
    for stratum in np.unique(strata):
        rows = strata == stratum
        expected = x[rows].sum(1, keepdims=True) * x[rows].sum(0) / x[rows].sum()
        part = (x[rows] - expected) / np.sqrt(expected + expected**2 / 100)
        clip = np.sqrt(len(x) / 30)
        part = np.clip(part, -clip, clip)
        residuals[rows] = part - part.mean(0)
    return residuals


def blocks_of(counts, size):
    return lambda: ((start, counts[start : start + size]) for start in range(0, counts.shape[0], size))


@pytest.mark.parametrize("size", [300, 70])
def test_inner_products_are_correlations(size, monkeypatch):
    monkeypatch.setattr(_residuals, "MAX_VALUES", 40 * 50)
    counts, strata = counts_of(300, 40), np.repeat([0, 1, 1], 100)
    rng = np.random.default_rng(0)
    vectors, n_expressing = stats.correlation_vectors(blocks_of(counts, size), strata, 40, n_dims=300, rng=rng)
    np.testing.assert_allclose(vectors @ vectors.T, np.corrcoef(plain_residuals(counts, strata).T), atol=1e-5)
    np.testing.assert_array_equal(n_expressing, (counts.toarray() > 0).sum(0))


def test_a_sketch_is_unbiased_and_as_precise_as_it_says():
    counts, strata = counts_of(2_000, 40), np.zeros(2_000, dtype=int)
    expected = np.corrcoef(plain_residuals(counts, strata).T)
    draws = np.array(
        [
            (lambda v: v @ v.T)(
                stats.correlation_vectors(
                    blocks_of(counts, 2_000), strata, 40, n_dims=256, rng=np.random.default_rng(seed)
                )[0]
            )
            for seed in range(40)
        ]
    )
    # forty draws of standard deviation 1/16, and more on the diagonal
    np.testing.assert_allclose(draws.mean(0), expected, atol=5 * 0.09 / np.sqrt(40))
    off = ~np.eye(40, dtype=bool)
    assert draws.std(0)[off].mean() == pytest.approx(1 / 16, rel=0.15)


def test_cells_can_be_left_out():
    counts = counts_of(200, 30)
    strata = np.where(np.arange(200) < 150, 0, -1)
    options = {"n_dims": 256, "rng": np.random.default_rng(0)}
    vectors, n_expressing = stats.correlation_vectors(blocks_of(counts, 200), strata, 30, **options)
    alone, n_alone = stats.correlation_vectors(blocks_of(counts[:150], 150), np.zeros(150, int), 30, **options)
    np.testing.assert_allclose(vectors @ vectors.T, alone @ alone.T, atol=1e-6)
    np.testing.assert_array_equal(n_expressing, n_alone)


def test_genes_that_do_not_vary_have_no_direction():
    counts = counts_of(100, 20).toarray()
    counts[:, 3] = 0
    vectors, n_expressing = stats.correlation_vectors(
        blocks_of(sparse.csr_matrix(counts), 100), np.zeros(100, int), 20, n_dims=128, rng=np.random.default_rng(0)
    )
    assert not vectors[3].any() and n_expressing[3] == 0
    np.testing.assert_allclose(np.linalg.norm(np.delete(vectors, 3, 0), axis=1), 1, rtol=1e-5)


def test_constant_counts_do_not_vary():
    counts = counts_of(300, 40).toarray()
    counts[:, 3] = 2
    counts[:, 4] = 0
    counts[:100, 5], counts[100:, 5] = 1, 2
    for strata in (np.zeros(300, dtype=int), np.repeat([0, 1, 1], 100)):
        vectors, _ = stats.correlation_vectors(
            blocks_of(sparse.csr_matrix(counts), 70), strata, 40, n_dims=300, rng=np.random.default_rng(0)
        )
        length = np.linalg.norm(vectors, axis=1)
        np.testing.assert_allclose(length[[3, 4, 5, 6]], [0, 0, 1, 1], atol=1e-4)
