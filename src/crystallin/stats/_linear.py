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


def estimable_basis(design: np.ndarray, contrast: np.ndarray) -> np.ndarray | None:
    """Return an orthonormal basis of the coefficients that a design determines, coefficients x rank.

    ``design @ basis`` has full rank, and ``basis.T @ contrast`` is the same combination of its coefficients. ``None``
    if the design does not determine the combination of coefficients ``contrast``.
    """
    _, values, vectors = np.linalg.svd(design, full_matrices=False)
    basis = vectors[values > np.sqrt(COLLINEAR) * max(values.max(initial=0), np.finfo(float).tiny)].T
    rest = contrast - basis @ (basis.T @ contrast)
    return basis if rest @ rest <= COLLINEAR * (contrast @ contrast) else None


def root(gram: np.ndarray) -> np.ndarray:
    """Return a matrix whose columns have these scalar products."""
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
