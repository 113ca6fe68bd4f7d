"""Where labelled cells lie in the space of activities: a Gaussian for each label, with one covariance for all.

Activities of cells are posterior means, which are closer to 0 the less the counts say. A query may measure fewer genes,
or be shallower, so that its activities are shrunk more than those of the reference. With information ``L`` of the
counts about the activities of a typical cell, the posterior mean of a true activity ``z`` is ``K z + e``, where
``K = L (I + L)^-1`` and ``e`` has the covariance ``K (I - K)``. From this, the distribution of the reference's cells
follows if they had been measured as the query was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

# added to the diagonal of the gain that is inverted, so that programs the counts say nothing about do no harm
RIDGE = 0.01
# smallest eigenvalue of the covariance, as a share of the largest
MIN_EIGENVALUE = 1e-6


@dataclass(frozen=True)
class LabelModel:
    """Gaussians of labels.

    Attributes
    ----------
    mean
        Mean of each label, labels x dimensions.
    size
        Number of cells of each label.
    covariance
        Covariance of cells within labels, dimensions x dimensions.
    information
        Information of the counts of a typical cell about its activities, dimensions x dimensions.
    """

    mean: np.ndarray
    size: np.ndarray
    covariance: np.ndarray
    information: np.ndarray

    @classmethod
    def fit(cls, activity: np.ndarray, codes: np.ndarray, information: np.ndarray) -> LabelModel:
        """Estimate the Gaussians from activities of cells, cells x dimensions, and the label of each, from 0."""
        size = np.bincount(codes)
        mean = np.array([activity[codes == label].mean(axis=0) for label in range(len(size))])
        residual = activity - mean[codes]
        covariance = residual.T @ residual / max(len(activity) - len(size), 1)
        return cls(mean, size, _positive(covariance), information)

    def as_measured(self, information: np.ndarray) -> LabelModel:
        """Return the Gaussians of the same cells, if their counts had this information."""
        if np.array_equal(information, self.information):
            return self
        before, now = _gain(self.information), _gain(information)
        identity = np.eye(len(now))
        change = np.linalg.solve((before + RIDGE * identity).T, (now + RIDGE * identity).T).T
        spread = self.covariance - before @ (identity - before)
        covariance = change @ spread @ change.T + now @ (identity - now)
        return replace(
            self,
            mean=self.mean @ change.T,
            covariance=_positive((covariance + covariance.T) / 2),
            information=information,
        )

    @cached_property
    def _cholesky(self) -> np.ndarray:
        return np.linalg.cholesky(self.covariance)

    def whiten(self, activity: np.ndarray) -> np.ndarray:
        """Return activities in units in which cells of a label have the covariance I."""
        return solve_triangular(self._cholesky, activity.T, lower=True).T

    @cached_property
    def centres(self) -> np.ndarray:
        """Means of labels in these units."""
        return self.whiten(self.mean)

    def distances(self, activity: np.ndarray) -> np.ndarray:
        """Return squared Mahalanobis distances from each label, cells x labels."""
        white = self.whiten(activity)
        squares = (white**2).sum(axis=1)[:, None] + (self.centres**2).sum(axis=1)
        return np.maximum(squares - 2 * white @ self.centres.T, 0)

    def displacement(self, mean: np.ndarray) -> tuple[int, np.ndarray]:
        """Return the label whose mean is nearest to that of a group, and the way from there, in these units."""
        ways = self.whiten(mean[None]) - self.centres
        label = int((ways**2).sum(axis=1).argmin())
        return label, ways[label]

    def length(self, way: np.ndarray, n_cells: int, label: int) -> float:
        """Return the length of a displacement between the means of a group and a label, without what sampling adds."""
        sampling = len(way) * (1 / n_cells + 1 / self.size[label])
        return float(np.sqrt(max((way**2).sum() - sampling, 0)))

    def probabilities(self, distances: np.ndarray) -> np.ndarray:
        """Return the posterior probability of each label, if all are as frequent, cells x labels."""
        log = -0.5 * (distances - distances.min(axis=1, keepdims=True))
        weight = np.exp(log)
        return weight / weight.sum(axis=1, keepdims=True)

    def plane(self, activity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates of cells and of labels in the plane that best tells labels apart.

        These are the first two linear discriminants (Fisher 1936, Ann Eugen 7:179), in which the cells of a label have
        the covariance I. Two labels have one discriminant; the second axis is then the main direction of the cells
        beside it.
        """
        white = self.whiten(activity)
        middle = self.centres.mean(axis=0)
        _, size, axes = np.linalg.svd(self.centres - middle, full_matrices=False)
        axes = axes[:2][size[:2] > 1e-9]
        while len(axes) < 2:
            rest = white - middle - (white - middle) @ axes.T @ axes
            axes = np.vstack([axes, np.linalg.svd(rest - rest.mean(axis=0), full_matrices=False)[2][:1]])
        return (white - middle) @ axes.T, (self.centres - middle) @ axes.T

    @property
    def spacing(self) -> float:
        """Median over labels of the distance from the nearest other label; infinite with a single one."""
        if len(self.mean) < 2:
            return np.inf
        between = np.sqrt(((self.centres[:, None] - self.centres) ** 2).sum(axis=2))
        np.fill_diagonal(between, np.inf)
        return float(np.median(between.min(axis=1)))


def _gain(information: np.ndarray) -> np.ndarray:
    """Return the matrix by which a true activity is multiplied in its posterior mean."""
    identity = np.eye(len(information))
    return identity - np.linalg.inv(identity + information)


def _positive(covariance: np.ndarray) -> np.ndarray:
    """Return the covariance with eigenvalues that are clearly above 0."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, MIN_EIGENVALUE * max(values[-1], 1e-12))) @ vectors.T
