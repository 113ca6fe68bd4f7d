"""Columns of a linear model."""

from __future__ import annotations

import numpy as np

# a column of which this share or less is not explained by others is a combination of them
COLLINEAR = 1e-6


def independent(base: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Positions of the ``columns`` that ``base`` and the columns before do not explain; all are units x columns."""
    kept = []
    for i, column in enumerate(columns.T):
        rest = column - base @ (np.linalg.pinv(base) @ column)
        if rest @ rest > COLLINEAR * max(column @ column, np.finfo(float).tiny):
            kept.append(i)
            base = np.column_stack([base, column])
    return np.array(kept, dtype=int)


def root(gram: np.ndarray) -> np.ndarray:
    """Matrix whose columns have these scalar products."""
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
