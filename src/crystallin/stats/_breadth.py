"""Effective number of contributions to a sum."""

from __future__ import annotations

import numpy as np


def breadth(contributions: np.ndarray) -> float:
    """Compute the effective number of contributions: the participation ratio of their sizes; 0 if all are 0."""
    size = np.abs(contributions)
    return float(size.sum() ** 2 / (size**2).sum()) if size.any() else 0.0
