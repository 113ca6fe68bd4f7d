"""False discovery rates."""

from __future__ import annotations

import numpy as np
from scipy import stats


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjust p values (Benjamini & Hochberg 1995, J R Stat Soc B 57:289); NaN values stay NaN and are not counted."""
    q = np.full(p.shape, np.nan)
    there = np.isfinite(p)
    if there.any():
        q[there] = stats.false_discovery_control(p[there])
    return q


def expected_fdr(probability: np.ndarray) -> np.ndarray:
    """Compute the expected share of false positives among this result and all that are at least as probable.

    This is the mean of one minus the posterior probability over these results (Newton et al. 2004, Biostatistics
    5:155). NaN values stay NaN and are not counted.
    """
    q = np.full(probability.shape, np.nan)
    there = np.flatnonzero(np.isfinite(probability))
    order = there[np.argsort(-probability[there], kind="stable")]
    running = np.cumsum(1 - probability[order]) / np.arange(1, len(order) + 1)
    # equally probable results have the same rate
    last = np.searchsorted(-probability[order], -probability[order], side="right") - 1
    q[order] = running[last]
    return q
