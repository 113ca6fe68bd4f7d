"""What remains of a program's difference, given programs that are known better.

Sets lack members and hold spurious ones. A program's activity then also answers to genes of other programs, and it
differs where they do. How it goes along with them from cell to cell, within a group, says how much of its difference is
theirs.
"""

from __future__ import annotations

import numpy as np

from ._means import Means

# smallest eigenvalue of the covariance of activities, whose prior variance is 1
MIN_EIGENVALUE = 0.1


def mixing(posterior: np.ndarray, share: np.ndarray) -> np.ndarray:
    """What unshrunk estimates are of the true activities, programs x programs, 1 on the diagonal.

    Posterior means are I - C times the truth, with C the posterior covariance of a cell; unshrunk ones are divided by
    the diagonal, the reliability, so what is left is how much of other programs is in each.
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
    """Means of the residuals of each program after regression on those before it.

    Where programs overlap, estimates are first unmixed. The regression is that of true activities between the cells of
    a group: posterior means vary by noise with covariance C - C² besides what the true activities make them vary.

    Parameters
    ----------
    means
        Unshrunk means of units.
    n_cells
        Of units.
    order
        Positions of the programs that take part, the best known first. The others' means stay as they are.
    covariance
        Of posterior means between cells of the same group, programs x programs.
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
    # rows: a program minus what those before it predict
    residual = np.linalg.inv(factor / np.diag(factor))
    transform = residual @ unmix
    mean, variance = means.mean.copy(), means.variance.copy()
    mean[:, order] = mean[:, order] @ transform.T
    variance[:, order] = np.diag(residual @ spread @ residual.T) / n_cells[:, None]
    return Means(mean, variance)


def _positive(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, MIN_EIGENVALUE)) @ vectors.T
