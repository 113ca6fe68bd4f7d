"""Columns of a linear model."""

from __future__ import annotations

import numpy as np

# a column is a combination of others if at most this share of it is not explained by them
COLLINEAR = 1e-6


def independent(base: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the positions of ``columns`` that ``base`` and earlier columns do not explain; all are units x columns."""
    kept = []
    for i, column in enumerate(columns.T):
        rest = column - base @ (np.linalg.pinv(base) @ column)
        if rest @ rest > COLLINEAR * max(column @ column, np.finfo(float).tiny):
            kept.append(i)
            base = np.column_stack([base, column])
    return np.array(kept, dtype=int)


def root(gram: np.ndarray) -> np.ndarray:
    """Return a matrix whose columns have these scalar products."""
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
