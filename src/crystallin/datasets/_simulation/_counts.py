"""Negative binomial counts, a chunk of cells at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import sparse

from ._rates import Rates

# entries of a dense chunk: a few arrays of this size are all that is needed beside the result
CHUNK_ENTRIES = 2**21


def chunks(n_cells: int, n_genes: int, entries: int = CHUNK_ENTRIES) -> Iterator[slice]:
    """Slices of cells, each of about ``entries`` dense entries."""
    step = max(1, entries // n_genes)
    for start in range(0, n_cells, step):
        yield slice(start, min(start + step, n_cells))


def with_ambient(rates: Rates, activity: np.ndarray, batch: np.ndarray, ambient: float) -> Rates:
    """Rates mixed with the mean profile of each batch."""
    if not ambient:
        return rates
    n_batches, n_genes = rates.offset.shape
    profile = np.zeros((n_batches, n_genes))
    for part in chunks(len(activity), n_genes):
        own = rates.own(rates.response(activity[part]), batch[part])
        for code in np.unique(batch[part]):
            profile[code] += own[batch[part] == code].sum(axis=0, dtype=float)
    profile /= np.bincount(batch, minlength=n_batches)[:, None]
    return replace(rates, ambient=ambient, ambient_profile=profile.astype(rates.offset.dtype))


def draw_counts(
    rates: Rates,
    activity: np.ndarray,
    batch: np.ndarray,
    depth: np.ndarray,
    theta: np.ndarray,
    rng: np.random.Generator,
) -> sparse.csr_matrix:
    """Counts, float32, of cells with these activities; no cell is left without a count."""
    n_cells, n_genes = len(activity), len(theta)
    theta, depth = theta.astype(np.float32), depth.astype(np.float32)
    data, indices, row_sizes = [], [], []
    for part in chunks(n_cells, n_genes):
        share = rates.mixed(rates.own(rates.response(activity[part]), batch[part]), batch[part])
        # gamma-Poisson: a factor of mean 1 and variance 1/theta, then Poisson
        mean = rng.standard_gamma(theta, size=share.shape, dtype=np.float32)
        mean *= share
        mean *= depth[part, None] / theta
        counts = rng.poisson(mean)
        for cell in np.flatnonzero(~counts.any(axis=1)):
            chance = share[cell].astype(float)
            counts[cell, rng.choice(n_genes, p=chance / chance.sum())] = 1
        flat = np.flatnonzero(counts)
        data.append(counts.ravel()[flat].astype(np.float32))
        indices.append((flat % n_genes).astype(np.int32))
        row_sizes.append(np.count_nonzero(counts, axis=1))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(row_sizes))])
    values = np.concatenate(data)
    data.clear()
    return sparse.csr_matrix((values, np.concatenate(indices), indptr), shape=(n_cells, n_genes))
