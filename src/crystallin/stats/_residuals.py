"""Pearson residuals of counts within strata, as short vectors whose inner products are the genes' correlations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy import sparse

# overdispersion of the negative binomial null model, and where residuals are cut off (Lause, Berens & Kobak 2021,
# Genome Biol 22:258; Hafemeister & Satija 2019, Genome Biol 20:296)
THETA = 100.0
CELLS_PER_SQUARED_CLIP = 30
# relative error of sums of counts
CONSTANT = 1e-12
# dense values held at a time
MAX_VALUES = 2**25

# blocks of rows of counts, each with its first row; called once for each pass over the data
Blocks = Callable[[], Iterable[tuple[int, sparse.csr_matrix]]]


def correlation_vectors(
    blocks: Blocks, strata: np.ndarray, n_genes: int, *, n_dims: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors whose inner products are the correlations of genes' residuals between cells of the same stratum.

    A residual is the distance of a count from its expectation, the cell's total times the gene's share in the stratum,
    in standard deviations of a negative binomial. Residuals are centred within strata. Where there are more cells than
    ``n_dims``, cells are added up in ``n_dims`` random groups with random signs (count sketch; Charikar, Chen &
    Farach-Colton 2004, Theor Comput Sci 312:3). Inner products are then unbiased, with a standard deviation of about
    ``1 / sqrt(n_dims)``, and sums over the pairs of a set are far more precise than single ones.

    Parameters
    ----------
    blocks
        Counts, block by block; cells without counts are not allowed.
    strata
        Stratum of each cell, from 0; -1 leaves a cell out.
    n_genes
        Number of genes.
    n_dims
        Length of the vectors, or the number of cells if that is smaller; then inner products are exact.
    rng
        Random generator.

    Returns
    -------
    Genes x dimensions, float32, of length 1, and how many of the cells have counts of each gene. The vectors of genes
    without variation are 0.
    """
    n_cells, n_strata = len(strata), int(strata.max()) + 1
    used = strata >= 0
    depth, of_gene, squared, n_expressing = _totals(blocks, strata, n_strata, n_genes)
    share = of_gene / np.maximum(of_gene.sum(axis=1, keepdims=True), 1)
    is_exact = used.sum() <= n_dims
    n_dims = min(n_dims, int(used.sum()))
    bucket = np.cumsum(used) - 1 if is_exact else rng.integers(0, n_dims, n_cells)
    sign = np.ones(n_cells) if is_exact else rng.choice([-1.0, 1.0], n_cells)
    clip = np.sqrt(used.sum() / CELLS_PER_SQUARED_CLIP)

    vectors = np.zeros((n_dims, n_genes), dtype=np.float32)
    sums, squares = np.zeros((n_strata, n_genes)), np.zeros(n_genes)
    for rows, counts in _dense_parts(blocks, used, n_genes):
        residual = _residuals(counts, depth[rows], share[strata[rows]], clip)
        squares += np.einsum("cg,cg->g", residual, residual, dtype=float)
        sums += _indicator(strata[rows], n_strata) @ residual
        vectors += _indicator(bucket[rows], n_dims, sign[rows]) @ residual
    # centring is linear, so it can follow
    size = np.bincount(strata[used], minlength=n_strata)
    mean = sums / np.maximum(size, 1)[:, None]
    of_stratum = sparse.csr_matrix((sign[used], (bucket[used], strata[used])), shape=(n_dims, n_strata))
    vectors -= (of_stratum @ mean).astype(np.float32)
    variation = squares - (size[:, None] * mean**2).sum(axis=0)
    varies = variation > np.finfo(np.float32).eps * np.maximum(squares, 1)
    # beside depths that vary, the residuals of constant counts would all move together
    varies &= squared * used.sum() > of_gene.sum(axis=0) ** 2 * (1 + CONSTANT)
    vectors[:, ~varies] = 0
    vectors[:, varies] /= np.sqrt(variation[varies]).astype(np.float32)
    return np.ascontiguousarray(vectors.T), n_expressing


def _totals(
    blocks: Blocks, strata: np.ndarray, n_strata: int, n_genes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts of each cell, of each gene in each stratum, each gene's sum of squares and number of cells with counts."""
    depth, of_gene = np.zeros(len(strata)), np.zeros((n_strata, n_genes))
    squared, n_expressing = np.zeros(n_genes), np.zeros(n_genes, dtype=int)
    for start, block in blocks():
        rows = np.arange(start, start + block.shape[0])
        depth[rows] = np.asarray(block.sum(axis=1)).ravel()
        inside = strata[rows] >= 0
        kept = block[inside]
        of_gene += (_indicator(strata[rows[inside]], n_strata) @ kept).toarray()
        squared += np.bincount(kept.indices, kept.data.astype(float) ** 2, n_genes)
        n_expressing += kept.getnnz(axis=0)
    return depth, of_gene, squared, n_expressing


def _dense_parts(blocks: Blocks, used: np.ndarray, n_genes: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Rows that are used and their counts, dense, a limited number at a time."""
    step = max(1, MAX_VALUES // n_genes)
    for start, block in blocks():
        rows = start + np.flatnonzero(used[start : start + block.shape[0]])
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            yield part, block[part - start].toarray().astype(np.float32, copy=False)


def _residuals(counts: np.ndarray, depth: np.ndarray, share: np.ndarray, clip: float) -> np.ndarray:
    """Pearson residuals, worked out in the place of the counts."""
    expected = (depth[:, None] * share).astype(np.float32)
    counts -= expected
    # variance in the place of the expectation; where nothing is expected there is nothing
    expected += expected**2 / np.float32(THETA)
    counts /= np.sqrt(np.maximum(expected, np.finfo(np.float32).tiny, out=expected), out=expected)
    return np.clip(counts, -clip, clip, out=counts)


def _indicator(code: np.ndarray, n_codes: int, values: np.ndarray | None = None) -> sparse.csr_matrix:
    """Codes x rows: where each row belongs, with 1 or its value."""
    values = np.ones(len(code)) if values is None else values
    return sparse.csr_matrix((values.astype(np.float32), (code, np.arange(len(code)))), shape=(n_codes, len(code)))
