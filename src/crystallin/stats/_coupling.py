"""Differences of programs, conditional on programs of higher reliability.

Gene sets are incomplete and have spurious members. A program's activity therefore also depends on genes of other
programs, and it differs where they do. How much of its difference is due to them follows from how it varies with them
from cell to cell within a group.
"""

from __future__ import annotations

import numpy as np

from ._means import Means

# smallest eigenvalue of the covariance of activities, whose prior variance is 1
MIN_EIGENVALUE = 0.1


def mixing(posterior: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return how unshrunk estimates mix the true activities, programs x programs, with 1 on the diagonal.

    Posterior means are I - C times the truth, where C is the posterior covariance of a cell. Unshrunk estimates are
    divided by the diagonal, the reliability; the other entries say how much of other programs each estimate contains.
    """
    return (np.eye(len(share)) - posterior) / share[:, None] + np.diag(1 - (1 - np.diag(posterior)) / share)


def given_better_known(
    means: Means,
    n_cells: np.ndarray,
    order: np.ndarray,
    covariance: np.ndarray,
    posterior: np.ndarray,
    share: np.ndarray,
) -> Means:
    """Return the means of each program's residuals after regression on the programs before it.

    Where programs overlap, estimates are first unmixed. The regression is that of true activities between the cells of
    a group; posterior means additionally have noise with covariance C - C².

    Parameters
    ----------
    means
        Unshrunk means of units.
    n_cells
        Numbers of cells of the units.
    order
        Positions of the programs to regress, the most reliable first. The means of other programs are not changed.
    covariance
        Covariance of posterior means between cells of the same group, programs x programs.
    posterior
        Mean posterior covariance of a cell.
    share
        Reliabilities of the programs.
    """
    part = np.ix_(order, order)
    unmix = np.linalg.inv(mixing(posterior[part], share[order]))
    scale = np.outer(share, share)[part]
    spread = unmix @ (covariance[part] / scale) @ unmix.T
    noise = unmix @ ((posterior - posterior @ posterior)[part] / scale) @ unmix.T
    factor = np.linalg.cholesky(_positive(spread - noise))
    # each row is a program minus its prediction by the programs before it
    residual = np.linalg.inv(factor / np.diag(factor))
    transform = residual @ unmix
    mean, variance = means.mean.copy(), means.variance.copy()
    mean[:, order] = mean[:, order] @ transform.T
    variance[:, order] = np.diag(residual @ spread @ residual.T) / n_cells[:, None]
    return Means(mean, variance)


def _positive(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, MIN_EIGENVALUE)) @ vectors.T
