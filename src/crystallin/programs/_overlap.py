"""Programs that the data can hardly tell apart."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

# programs are of one family if their similarity is this large on average
FAMILY_FROM = 0.25


def similarity(loadings: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """How alike programs are, from 0 to 1, programs x programs.

    The larger of two: the cosine of their loadings, which is what they share of genes, weighted by how much these
    matter; and the correlation of their activities in a cell's posterior, which is how far one could be mistaken for
    the other, and also sees what several others explain together. Signs do not count.

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
    """Family of each program, numbered from 0 in the order of their first members; average linkage."""
    n = len(similarity)
    if n < 2:
        return np.zeros(n, dtype=int)
    distance = 1 - (similarity + similarity.T) / 2
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - threshold, "distance")
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def nearest(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position of the program most like each, and how alike; -1 and 0 if there is no other."""
    if len(similarity) < 2:
        return np.full(len(similarity), -1), np.zeros(len(similarity))
    others = similarity.copy()
    np.fill_diagonal(others, -1)
    twin = others.argmax(axis=0)
    return twin, others[twin, np.arange(len(twin))]


def variance_inflation(covariance: np.ndarray) -> np.ndarray:
    """How many times larger each variance is than if all other programs were known."""
    return np.diag(covariance) * np.diag(np.linalg.inv(covariance))
