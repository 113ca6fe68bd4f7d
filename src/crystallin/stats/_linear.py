"""Columns of a linear model."""

from __future__ import annotations

import numpy as np

# a column is a combination of others if at most this share of it is not explained by them
COLLINEAR = 1e-6
# columns of equal length are dependent if a combination of them is shorter than this, relative to the longest one; an
# intercept and years around 2020 are far from it
RANK = 1e-8


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
    """Return a basis of the coefficients that a design determines, coefficients x rank.

    ``design @ basis`` has full rank, and ``basis.T @ contrast`` is the same combination of its coefficients. ``None``
    if the design does not determine the combination of coefficients ``contrast``. Units of columns do not matter.
    """
    scale = np.sqrt((design**2).sum(axis=0))
    scale = np.where(scale > 0, scale, 1)
    _, values, vectors = np.linalg.svd(design / scale, full_matrices=False)
    basis = vectors[values > RANK * max(values.max(initial=0), np.finfo(float).tiny)].T
    wanted = contrast / scale
    rest = wanted - basis @ (basis.T @ wanted)
    return basis / scale[:, None] if np.sqrt(rest @ rest) <= RANK * 10 * np.sqrt(wanted @ wanted) else None


def orthonormal(design: np.ndarray, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal columns with the span of a design of full rank, and the same combination of coefficients."""
    columns, triangle = np.linalg.qr(design)
    return columns, np.linalg.solve(triangle.T, contrast)


def root(gram: np.ndarray) -> np.ndarray:
    """Return a matrix whose columns have these scalar products."""
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
