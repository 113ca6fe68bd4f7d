"""Enrichment of gene sets among chosen genes."""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom


def enrichment(chosen: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return p values of Fisher's exact test that a set has more of the chosen genes than expected, choices x sets.

    Parameters
    ----------
    chosen
        Choices x genes, Boolean; all genes are the background.
    sets
        Sets x genes, Boolean.
    """
    both = chosen.astype(int) @ sets.astype(int).T
    return hypergeom.sf(both - 1, chosen.shape[1], sets.sum(axis=1)[None, :], chosen.sum(axis=1)[:, None])
