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


def activity_covariance(covariance: np.ndarray, posterior: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Covariance of the true activities of cells within groups.

    Where C is the posterior covariance of a cell, posterior means vary by noise with covariance C - C² besides what the
    true activities make them vary.

    Parameters
    ----------
    covariance
        Of posterior means between cells of the same group, programs x programs.
    posterior
        Mean posterior covariance of a cell.
    share
        Reliabilities of the programs.
    """
    signal = (covariance - posterior + posterior @ posterior) / np.outer(share, share)
    values, vectors = np.linalg.eigh((signal + signal.T) / 2)
    return (vectors * np.maximum(values, MIN_EIGENVALUE)) @ vectors.T


def given_better_known(
    means: Means, n_cells: np.ndarray, order: np.ndarray, signal: np.ndarray, spread: np.ndarray
) -> Means:
    """Means of the residuals of each program after regression on those before it.

    Parameters
    ----------
    means
        Of units.
    n_cells
        Of units.
    order
        Positions of the programs that take part, the best known first. The others' means stay as they are.
    signal
        Covariance of true activities between cells of a group, which the regression follows from.
    spread
        The same of estimated activities, which the sampling variances follow from.
    """
    part = np.ix_(order, order)
    factor = np.linalg.cholesky(signal[part])
    # rows: a program minus what those before it predict
    residual = np.linalg.inv(factor / np.diag(factor))
    mean, variance = means.mean.copy(), means.variance.copy()
    mean[:, order] = mean[:, order] @ residual.T
    variance[:, order] = ((residual @ spread[part]) * residual).sum(axis=1) / n_cells[:, None]
    return Means(mean, variance)
