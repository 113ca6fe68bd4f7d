"""Programs that the data can hardly distinguish."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

# programs belong to one family if their average similarity is at least this large
FAMILY_FROM = 0.25


def similarity(loadings: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Return the similarity of programs, from 0 to 1, programs x programs.

    This is the larger of two measures: the cosine of their loadings, which measures the genes that they share, and the
    correlation of their activities in a cell's posterior, which measures how easily one is mistaken for the other, also
    by way of further programs. Signs are ignored.

    Parameters
    ----------
    loadings
        Genes x programs.
    correlation
        Posterior correlation in a cell, programs x programs.
    """
    norm = np.linalg.norm(loadings, axis=0)
    scaled = loadings / np.where(norm > 0, norm, 1)
    result = np.clip(np.maximum(np.abs(scaled.T @ scaled), np.abs(correlation)), 0, 1)
    np.fill_diagonal(result, 1)
    return result


def families(similarity: np.ndarray, threshold: float = FAMILY_FROM) -> np.ndarray:
    """Return the family of each program by average linkage, numbered from 0 in the order of the first members."""
    n = len(similarity)
    if n < 2:
        return np.zeros(n, dtype=int)
    distance = 1 - (similarity + similarity.T) / 2
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - threshold, "distance")
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def nearest(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of the program most similar to each, and the similarity; -1 and 0 if there is no other."""
    if len(similarity) < 2:
        return np.full(len(similarity), -1), np.zeros(len(similarity))
    others = similarity.copy()
    np.fill_diagonal(others, -1)
    twin = others.argmax(axis=0)
    return twin, others[twin, np.arange(len(twin))]


def variance_inflation(covariance: np.ndarray) -> np.ndarray:
    """Return the factor by which each variance is larger than if all other programs were known."""
    return np.diag(covariance) * np.diag(np.linalg.inv(covariance))
