"""Where labelled cells lie in the space of activities: a Gaussian for each label, with one covariance for all.

The covariance has two parts, that of cells within a sample and that of samples: cells of a new sample are displaced
together, in directions in which samples differ.

Activities of cells are posterior means, which are closer to 0 the less the counts say. A query may measure fewer genes,
or be shallower, so that its activities are shrunk more than those of the reference. With information ``L`` of the
counts about the activities of a typical cell, the posterior mean of a true activity ``z`` is ``K z + e``, where
``K = L (I + L)^-1`` and ``e`` has the covariance ``K (I - K)``. From this, the distribution of the reference's cells
follows if they had been measured as the query was. ``K (I - K)`` overstates the noise where cells of a label say less
than the typical cell; it is scaled so that it is nowhere more than the variance of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh, solve_triangular

# added to the diagonal of the gain that is inverted, so that programs the counts say nothing about do no harm
RIDGE = 0.01
# activities count as at most so many standard deviations outside the means of labels when the nearest is looked for
MAX_OUTSIDE = 3.0
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
    within
        Covariance of cells of a label within samples, dimensions x dimensions.
    between
        Covariance of means of samples, dimensions x dimensions; 0 if it is not known.
    information
        Information of the counts of a typical cell about its activities, dimensions x dimensions.
    """

    mean: np.ndarray
    size: np.ndarray
    within: np.ndarray
    between: np.ndarray
    information: np.ndarray

    @classmethod
    def fit(cls, activity: np.ndarray, codes: np.ndarray, information: np.ndarray) -> LabelModel:
        """Estimate the Gaussians from activities of cells, cells x dimensions, and the label of each, from 0."""
        size = np.bincount(codes)
        mean = np.array([activity[codes == label].mean(axis=0) for label in range(len(size))])
        residual = activity - mean[codes]
        covariance = residual.T @ residual / max(len(activity) - len(size), 1)
        return cls(mean, size, _positive(covariance), np.zeros_like(covariance), information)

    def with_samples(self, displacements: Sequence[np.ndarray], n_cells: Sequence[int]) -> LabelModel:
        """Return the Gaussians of cells of new samples.

        Parameters
        ----------
        displacements
            Difference between the mean of a label in a sample and the label's mean, for several samples and labels.
        n_cells
            Number of cells of each.
        """
        if not len(displacements):
            return self
        ways = np.asarray(displacements)
        # means vary by the sampling of cells as well
        between = ways.T @ ways / len(ways) - self.within * np.mean(1 / np.asarray(n_cells))
        values, vectors = np.linalg.eigh(between)
        return replace(self, between=(vectors * np.maximum(values, 0)) @ vectors.T)

    def on(self, dimensions: np.ndarray) -> LabelModel:
        """Return the Gaussians in some of the dimensions."""
        square = np.ix_(dimensions, dimensions)
        parts = (self.within[square], self.between[square], self.information[square])
        return LabelModel(self.mean[:, dimensions], self.size, *parts)

    def as_measured(self, information: np.ndarray) -> LabelModel:
        """Return the Gaussians of the same cells, if their counts had this information."""
        if np.array_equal(information, self.information):
            return self
        before, now = _gain(self.information), _gain(information)
        identity = np.eye(len(now))
        change = np.linalg.solve((before + RIDGE * identity).T, (now + RIDGE * identity).T).T
        noise, noise_now = before @ (identity - before), now @ (identity - now)
        ridge = MIN_EIGENVALUE * np.trace(noise) * identity
        share = float(np.clip(eigh(self.within, noise + ridge, eigvals_only=True)[0], 0, 1))
        within = change @ (self.within - share * noise) @ change.T + share * noise_now
        return replace(
            self,
            mean=self.mean @ change.T,
            within=_positive(within),
            between=change @ self.between @ change.T,
            information=information,
        )

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance of cells of new samples about the mean of their label."""
        return self.within + self.between

    @cached_property
    def _cholesky(self) -> np.ndarray:
        return np.linalg.cholesky(self.covariance)

    @cached_property
    def _of_cells(self) -> float:
        """Mean square of the length of the way of a cell from the mean of its sample."""
        white = solve_triangular(self._cholesky, self.within, lower=True)
        return float(np.trace(solve_triangular(self._cholesky, white.T, lower=True)))

    def whiten(self, activity: np.ndarray) -> np.ndarray:
        """Return activities in units in which cells of a label in new samples have the covariance I."""
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

    def within_reach(self, activity: np.ndarray) -> np.ndarray:
        """Return activities of which none is far outside the range of labels.

        In a state that no cell of the reference was in, a single program can be dozens of standard deviations away,
        and would decide which label is nearest.
        """
        reach = MAX_OUTSIDE * np.sqrt(np.diag(self.covariance))
        return np.clip(activity, self.mean.min(axis=0) - reach, self.mean.max(axis=0) + reach)

    def way(self, mean: np.ndarray, label: int) -> np.ndarray:
        """Return the way from the mean of a label to that of a group, in these units."""
        return self.whiten(mean[None])[0] - self.centres[label]

    def length(self, way: np.ndarray, n_cells: int, label: int) -> float:
        """Return the length of a displacement between the means of a group and a label, without what sampling adds."""
        sampling = self._of_cells * (1 / n_cells + 1 / self.size[label])
        return float(np.sqrt(max((way**2).sum() - sampling, 0)))

    def classified(self, activity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the label that is nearest to each cell, and its posterior probability if all are as frequent."""
        distances = self.distances(self.within_reach(activity))
        weight = np.exp(-0.5 * (distances - distances.min(axis=1, keepdims=True)))
        return distances.argmin(axis=1), 1 / weight.sum(axis=1)

    def plane(self, activity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates of cells and of labels in the plane that best tells labels apart.

        These are the first two linear discriminants (Fisher 1936, Ann Eugen 7:179), in which the cells of a label have
        the covariance I. Two labels have one discriminant; the second axis is then the main direction of the cells
        beside it.
        """
        white = self.whiten(activity)
        middle = np.average(self.centres, axis=0, weights=self.size)
        # labels count by their cells, so that a rare one far away does not take the first axis
        weighted = np.sqrt(self.size)[:, None] * (self.centres - middle)
        _, size, axes = np.linalg.svd(weighted, full_matrices=False)
        axes = axes[:2][size[:2] > 1e-9 * size[0]]
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
    """Return the covariance, which may be slightly asymmetric, with eigenvalues that are clearly above 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * np.maximum(values, MIN_EIGENVALUE * max(values[-1], 1e-12))) @ vectors.T
