"""How many parts carry a sum."""

from __future__ import annotations

import numpy as np


def breadth(contributions: np.ndarray) -> float:
    """Effective number of contributions: the participation ratio of their sizes, 1 if one alone counts; 0 of none."""
    size = np.abs(contributions)
    return float(size.sum() ** 2 / (size**2).sum()) if size.any() else 0.0
