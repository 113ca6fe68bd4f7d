"""Sums over the cells of groups, collected in one pass, from which groups are compared."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import sparse

# number of values that are in memory as float64 at a time; two more arrays of this size are needed
CHUNK_VALUES = 2**23


@dataclass(frozen=True)
class Moments:
    """Sums over the cells of each group; m is a posterior mean, s its standard deviation, d a covariate.

    Attributes
    ----------
    n
        Cells, groups.
    total, uncertainty
        Sums of m and of s², groups x programs.
    squares
        Sums of m², groups x programs.
    covariates
        Sums of d, groups x covariates.
    covariate_products
        Sums of d dᵀ, groups x covariates x covariates.
    covariate_totals
        Sums of d m, groups x covariates x programs.
    """

    n: np.ndarray
    total: np.ndarray
    uncertainty: np.ndarray
    squares: np.ndarray
    covariates: np.ndarray
    covariate_products: np.ndarray
    covariate_totals: np.ndarray

    def pooled(self, codes: np.ndarray, n_groups: int) -> Moments:
        """Return sums over sets of groups; groups with a negative code are left out."""
        membership = _membership(codes, n_groups).toarray()
        return Moments(*(np.tensordot(membership, getattr(self, field.name), 1) for field in fields(self)))

    def with_covariates(self, chosen: np.ndarray) -> Moments:
        """Return the same moments with some of the covariates."""
        return replace(
            self,
            covariates=self.covariates[:, chosen],
            covariate_products=self.covariate_products[:, chosen][:, :, chosen],
            covariate_totals=self.covariate_totals[:, chosen],
        )

    def adjusted(self) -> tuple[Moments, np.ndarray]:
        """Return the moments of m after setting every cell's covariates to their mean over all groups.

        Slopes of m on d are estimated within groups and are the same in all (analysis of covariance).

        Returns
        -------
        Moments, and the scatter of the covariates within groups, covariates x covariates.
        """
        centre = self.covariates.sum(axis=0) / self.n.sum()
        # sums of d - centre, of its products and of its products with m
        d = self.covariates - self.n[:, None] * centre
        dd = self.covariate_products - self.covariates[:, :, None] * centre - centre[:, None] * d[:, None, :]
        dm = self.covariate_totals - centre[:, None] * self.total[:, None, :]
        scatter = self.covariate_scatter()
        slope = np.linalg.solve(scatter, (dm - d[:, :, None] * self.mean[:, None, :]).sum(axis=0))
        # the parts of m² and of m that the covariates explain
        explained = (slope * (2 * dm - np.einsum("gde,ep->gdp", dd, slope))).sum(axis=1)
        left = replace(self, total=self.total - d @ slope, squares=self.squares - explained)
        return left, scatter

    @property
    def mean(self) -> np.ndarray:
        """Mean of m, groups x programs."""
        return self.total / self.n[:, None]

    @property
    def mean_uncertainty(self) -> np.ndarray:
        """Mean of s², groups x programs."""
        return self.uncertainty / self.n[:, None]

    @property
    def mean_covariates(self) -> np.ndarray:
        """Mean of d, groups x covariates."""
        return self.covariates / self.n[:, None]

    def covariate_scatter(self) -> np.ndarray:
        """Return sums of products of the covariates' deviations from the group's mean, over all groups."""
        between = (self.covariates / self.n[:, None]).T @ self.covariates
        return self.covariate_products.sum(axis=0) - between

    def gram(self) -> np.ndarray:
        """Return scalar products over the cells of two groups: intercept, membership in the first, covariates."""
        first = np.concatenate([[self.n[0], self.n[0]], self.covariates[0]])
        both = np.concatenate([[self.n.sum(), self.n[0]], self.covariates.sum(axis=0)])
        products = self.covariate_products.sum(axis=0)
        return np.block([[both], [first], [both[2:, None], first[2:, None], products]])

    def scatter(self) -> np.ndarray:
        """Sums of squared deviations of m from the group's mean, groups x programs."""
        return self.squares - self.total**2 / self.n[:, None]


def collect_moments(
    mean: np.ndarray,
    sd: np.ndarray,
    codes: np.ndarray,
    n_groups: int,
    *,
    covariates: np.ndarray | None = None,
    with_covariance: bool = True,
) -> tuple[Moments, np.ndarray]:
    """Collect moments of groups of cells, and the covariance of m within them, a few thousand cells at a time.

    Parameters
    ----------
    mean, sd
        Posterior mean and standard deviation, cells x programs.
    codes
        Group of each cell; negative for cells that are in no group.
    n_groups
        Number of groups.
    covariates
        Cells x covariates.
    with_covariance
        Compute the covariance, which takes most of the time if there are many programs.

    Returns
    -------
    Moments, and the covariance of m between cells of the same group, programs x programs; NaN if it is not computed.
    """
    n_cells, n_programs = mean.shape
    covariates = np.empty((n_cells, 0)) if covariates is None else covariates
    d = covariates.shape[1]
    parts = {
        "n": np.zeros(n_groups),
        "total": np.zeros((n_groups, n_programs)),
        "uncertainty": np.zeros((n_groups, n_programs)),
        "squares": np.zeros((n_groups, n_programs)),
        "covariates": np.zeros((n_groups, d)),
        "covariate_products": np.zeros((n_groups, d, d)),
        "covariate_totals": np.zeros((n_groups, d, n_programs)),
    }
    cross = np.zeros((n_programs, n_programs))
    step = max(1, CHUNK_VALUES // max(n_programs, 1))
    for start in range(0, n_cells, step):
        part = slice(start, start + step)
        there = _membership(codes[part], n_groups)
        m, s = mean[part].astype(np.float64), sd[part].astype(np.float64)
        parts["n"] += np.asarray(there.sum(axis=1)).ravel()
        parts["total"] += there @ m
        parts["uncertainty"] += there @ s**2
        parts["squares"] += there @ m**2
        if with_covariance:
            inside = m[codes[part] >= 0]
            cross += inside.T @ inside
        x = covariates[part]
        parts["covariates"] += there @ x
        for i in range(d):
            parts["covariate_products"][:, i] += there @ (x[:, [i]] * x)
            parts["covariate_totals"][:, i] += there @ (x[:, [i]] * m)
    moments = Moments(**parts)
    if not with_covariance:
        return moments, np.full_like(cross, np.nan)
    occupied = moments.n > 0
    between = moments.total[occupied].T / moments.n[occupied] @ moments.total[occupied]
    return moments, (cross - between) / max(moments.n.sum() - occupied.sum(), 1)


def _membership(codes: np.ndarray, n_groups: int) -> sparse.csr_matrix:
    """Return a matrix of groups x cells, 1 where a cell is in a group."""
    inside = np.flatnonzero(codes >= 0)
    return sparse.csr_matrix((np.ones(len(inside)), (codes[inside], inside)), shape=(n_groups, len(codes)))
