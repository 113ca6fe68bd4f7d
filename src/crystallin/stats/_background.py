"""Loadings of genes on a program that are none: what other programs cast on it, and how much is left by chance.

A program's activity is not known exactly, and where sets have wrong or missing members it takes up some of what other
programs do. Genes of these programs then seem to load on it, in proportion to their loadings there (a shadow), and the
more, the more they vary. Both are estimated from the genes themselves, of which nearly all are no missing members.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.stats import chi2

# squared distances from the null distribution beyond which a gene counts no more, and the expectation up to there
CLIP = 9.0
EXPECTED = float(chi2.cdf(CLIP, 3) + CLIP * chi2.sf(CLIP, 1))
# precision of the shares that programs cast on each other: a standard deviation of .1
SHADOW_PRECISION = 100.0
# distance in standard deviations from which genes weigh less (Huber), and rounds of weighting
TUNING, N_ROUNDS = 2.0, 4
MAX_LEVERAGE = 0.9
# part of the spread among the genes that vary most that is taken for chance: some of their loadings are real
CHANCE = 0.25
N_BISECTIONS = 60


def robust_spread(squares: np.ndarray, variance: np.ndarray, unit: np.ndarray) -> float:
    """Return how much of ``unit`` has to be added to the variances so that they explain all but the outliers.

    That is the smallest ``k >= 0`` for which ``squares / (variance + k unit)``, cut off at 9, has the mean of a squared
    standard normal variable that is cut off there.
    """

    def too_large(k: float) -> bool:
        return np.minimum(squares / (variance + k * unit), CLIP).mean() > EXPECTED

    there = unit > 0
    if not there.any() or not too_large(0.0):
        return 0.0
    low, high = 0.0, float((squares[there] / unit[there]).max())
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_large(middle) else (low, middle)
    return high


def shadow(loading: np.ndarray, variance: np.ndarray, others: sparse.csr_matrix, used: np.ndarray) -> np.ndarray:
    """Return the part of each gene's loading on a program that the other programs cast on it.

    A robust ridge regression of the loadings on the genes' loadings on all other programs. Each gene among ``used`` is
    left out for its own prediction.

    Parameters
    ----------
    loading, variance
        Loadings of genes, and their variances.
    others
        Loadings of the genes on the other programs, genes x programs.
    used
        Genes from which the regression is estimated: those that are not members.
    """
    x, y, v = others[used], loading[used], variance[used]
    weight = 1 / v
    for _ in range(N_ROUNDS):
        weighted = sparse.diags(weight) @ x
        matrix = (weighted.T @ x).toarray()
        matrix[np.diag_indices(len(matrix))] += SHADOW_PRECISION
        inverse = np.linalg.inv(matrix)
        share = inverse @ (weighted.T @ y)
        distance = np.abs(y - x @ share) / np.sqrt(v)
        leverage = np.asarray(weighted.multiply(x @ inverse).sum(axis=1)).ravel()
        weight = np.minimum(1, TUNING / np.maximum(distance, np.finfo(float).tiny)) / v
    predicted = others @ share
    leverage = np.minimum(leverage, MAX_LEVERAGE)
    predicted[used] = (predicted[used] - leverage * y) / (1 - leverage)
    return predicted


def background(loading: np.ndarray, variance: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """Return the factor of the variances, and the share of ``size`` to add to them, that explain the loadings.

    The factor comes from the genes for which the share matters least, and the share from the others. Only a quarter
    of that is taken, because some of these genes are missing members. benchmarks/completion.py

    Parameters
    ----------
    loading, variance
        Loadings of genes that are no members, and their variances.
    size
        Sum of each gene's squared loadings on other programs.
    """
    ratio = size / variance
    little = ratio <= np.median(ratio)
    squares = np.square(loading)
    factor = 1 + robust_spread(squares[little], variance[little], variance[little])
    much = ~little
    return factor, CHANCE * robust_spread(squares[much], factor * variance[much], size[much])


def without_background(
    loading: np.ndarray, sd: np.ndarray, others: sparse.csr_matrix, is_member: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return loadings on a program without the shadow of others, and standard deviations with what is left by chance.

    Parameters
    ----------
    loading, sd
        Loadings of genes, and their standard deviations.
    others
        Loadings of the genes on the other programs, genes x programs.
    is_member
        Which genes are members of the program.
    """
    size = np.asarray(others.power(2).sum(axis=1)).ravel()
    free, variance = ~is_member, np.square(sd)
    factor, share = background(loading[free], variance[free], size[free])
    loading = loading - shadow(loading, factor * variance + share * size, others, free)
    factor, share = background(loading[free], variance[free], size[free])
    return loading, np.sqrt(factor * variance + share * size)
