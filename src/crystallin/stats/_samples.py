"""Linear models of samples' means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._contrasts import Difference
from ._independent import n_independent
from ._linear import estimable_basis
from ._means import Means
from ._moderated import squeezed_variances, variance_prior

# iterations of estimates and their weights, which converge quickly
BETWEEN_ROUNDS = 5


@dataclass(frozen=True)
class SampleDifference(Difference):
    """A combination of coefficients of a linear model of samples, for each program.

    Attributes
    ----------
    df_residual
        Degrees of freedom without those that are borrowed from other programs.
    between
        Variance between samples beyond the sampling variance of their means, moderated; 0 or more.
    design_variance
        Variance of the combination, if the variance of each mean were one, for the typical program.
    """

    df_residual: float
    between: np.ndarray
    design_variance: float


@dataclass(frozen=True)
class Whitened:
    """Means and design, transformed so that errors are independent and of equal variance.

    Attributes
    ----------
    y
        Units x programs.
    design
        Programs x units x coefficients.
    typical
        Variance of a unit's mean before the transformation, programs.
    """

    y: np.ndarray
    design: np.ndarray
    typical: np.ndarray

    def solved(self) -> tuple[np.ndarray, np.ndarray]:
        """Return coefficients, programs x coefficients, and the inverse of their precision."""
        inverse = np.linalg.inv(self.design.transpose(0, 2, 1) @ self.design)
        return np.einsum("pkl,pul,up->pk", inverse, self.design, self.y, optimize=True), inverse


def compare_samples(
    means: Means,
    design: np.ndarray,
    contrast: np.ndarray,
    *,
    prior_from: np.ndarray,
    donor: np.ndarray | None = None,
) -> SampleDifference:
    """Estimate a combination of coefficients of a linear model of samples' means, with moderated variances.

    The variance of a mean is the sum of its sampling variance, which is known, and the variance between samples, that
    of the typical program. The residual variance after weighting is then near one for all programs, whatever their
    reliability; it is estimated for each program and moderated by the others (Smyth 2004, Stat Appl Genet Mol Biol
    3:3). Weights take the variance between samples as at least the mean sampling variance: where samples of a program
    differ more than those of the typical one, weights by numbers of cells would let few samples decide, with fewer
    degrees of freedom than are counted.

    Means of the same ``donor`` share a random intercept, whose variance is that of the typical program as well. The
    residual variance is then taken from the donors' contributions to the estimate, which are independent of each other
    whatever the correlation within a donor, and scaled to be unbiased under the model; its degrees of freedom are
    Satterthwaite's (Bell & McCaffrey 2002, Surv Methodol 28:169).

    Parameters
    ----------
    means
        Means of units, units x programs.
    design
        Units x coefficients, of full rank and with fewer columns than rows.
    contrast
        Weight of each coefficient.
    prior_from
        Programs from which the typical variance between samples and the prior of the variances are learned.
    donor
        Code of each unit's donor, if donors have several units that the design does not tell apart.
    """
    white = whitened(means, design, prior_from=prior_from, donor=donor)
    coefficients, inverse = white.solved()
    residual = white.y - np.einsum("puk,pk->up", white.design, coefficients)
    df_design = design.shape[0] - design.shape[1]
    if donor is None:
        df, variance = float(df_design), (residual**2).sum(axis=0) / df_design
    else:
        df, variance = _of_donors(white.design, inverse, contrast, residual, donor)
    independent = n_independent(residual[:, prior_from], df_design)
    prior, prior_df = variance_prior(variance[prior_from], df, independent)
    moderated, total_df = squeezed_variances(variance, df, prior, prior_df, independent)
    unit_variance = np.einsum("k,pkl,l->p", contrast, inverse, contrast)
    between = np.maximum(moderated * white.typical - means.variance.mean(axis=0), 0)
    se, design_variance = np.sqrt(moderated * unit_variance), float(np.median(unit_variance / white.typical))
    return SampleDifference(coefficients @ contrast, se, total_df, df, between, design_variance)


def without_each(
    means: Means,
    design: np.ndarray,
    contrast: np.ndarray,
    donor: np.ndarray,
    *,
    prior_from: np.ndarray,
    is_random: bool,
) -> np.ndarray:
    """Return the combination of coefficients without each donor in turn, donors x programs; see `compare_samples`.

    It is NaN where it cannot be estimated without the donor. Weights are those of all donors.
    """
    white = whitened(means, design, prior_from=prior_from, donor=donor if is_random else None)
    effects = np.full((donor.max() + 1, means.mean.shape[1]), np.nan)
    for left_out in range(len(effects)):
        there = donor != left_out
        basis = estimable_basis(design[there], contrast)
        if basis is not None:
            part = Whitened(white.y[there], white.design[:, there] @ basis, white.typical)
            effects[left_out] = part.solved()[0] @ (basis.T @ contrast)
    return effects


def whitened(means: Means, design: np.ndarray, *, prior_from: np.ndarray, donor: np.ndarray | None) -> Whitened:
    """Transform means and design to errors of equal variance; see :func:`compare_samples`."""
    y, known = means.mean, means.variance
    if donor is None:
        within = _within(known, _between_samples(y[:, prior_from], known[:, prior_from], design))
        root = 1 / np.sqrt(within)
        return Whitened(root * y, root.T[:, :, None] * design, within.mean(axis=0))
    same = (donor[:, None] == donor).astype(float)
    blocks = np.unique(donor, return_inverse=True)[1][:, None] == np.arange(len(np.unique(donor)))
    both = _full_rank(np.column_stack([design, blocks]))
    within = _within(known, _between_samples(y[:, prior_from], known[:, prior_from], both))
    of_donors = _between_donors(y[:, prior_from], within[:, prior_from], design, same)
    covariance = of_donors * same + np.einsum("up,uv->puv", within, np.eye(len(y)))
    tiny = np.finfo(float).eps * max(float(covariance.max()), np.finfo(float).tiny)
    inverse_root = np.linalg.inv(np.linalg.cholesky(covariance + tiny * np.eye(len(y))))
    return Whitened(np.einsum("puv,vp->up", inverse_root, y), inverse_root @ design, within.mean(axis=0) + of_donors)


def _within(known: np.ndarray, between: float) -> np.ndarray:
    """Return the variances of samples' means, with weights that numbers of cells do not dominate, units x programs."""
    shape = known + np.maximum(between, known.mean(axis=0))
    # without any variance all weights are equal
    shape, total = np.where(shape > 0, shape, 1), known.mean(axis=0) + between
    return shape * np.where(total > 0, total, 1) / shape.mean(axis=0)


def _of_donors(
    design: np.ndarray, inverse: np.ndarray, contrast: np.ndarray, residual: np.ndarray, donor: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return degrees of freedom and the residual variance of each program from the contributions of donors."""
    weight = np.einsum("puk,pkl,l->pu", design, inverse, contrast)
    member = (np.unique(donor)[:, None] == donor).astype(float)
    shown = (((weight * residual.T) @ member.T) ** 2).sum(axis=1)
    left = np.eye(len(donor)) - design @ inverse @ design.transpose(0, 2, 1)
    expected = member @ (weight[:, :, None] * left * weight[:, None, :]) @ member.T
    trace = np.trace(expected, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = trace**2 / (expected**2).sum(axis=(1, 2))
        return float(np.median(df)), shown / trace


def _between_samples(y: np.ndarray, known: np.ndarray, design: np.ndarray) -> float:
    """Estimate the variance between samples of the typical program, beyond the sampling variance.

    This is the mean of the programs' estimates by the method of moments (DerSimonian & Laird 1986, Control Clin Trials
    7:177), weighted by their precision.
    """
    df = len(design) - design.shape[1]
    if df < 1:
        # no donor has two samples of the same kind: all their variance is that between donors
        return 0.0
    hat = design @ np.linalg.pinv(design)
    expected = (1 - np.diag(hat)) @ known / df
    return _typical(((y - hat @ y) ** 2).sum(axis=0) / df - expected, expected)


def _between_donors(y: np.ndarray, within: np.ndarray, design: np.ndarray, same: np.ndarray) -> float:
    """Estimate the variance between donors of the typical program, beyond that between their samples, ``within``."""
    left = np.eye(len(design)) - design @ np.linalg.pinv(design)
    scale = max(float((left * same).sum()), np.finfo(float).tiny)
    expected = np.diag(left) @ within / scale
    return _typical(((left @ y) ** 2).sum(axis=0) / scale - expected, expected)


def _typical(estimates: np.ndarray, expected: np.ndarray) -> float:
    """Return the mean of estimates of a variance component, weighted by precision; ``expected``: other components."""
    typical = max(float(np.median(estimates)), 0.0)
    for _ in range(BETWEEN_ROUNDS):
        spread = np.maximum(typical + expected, np.finfo(float).tiny)
        weight = (spread / spread.min()) ** -2
        typical = max(float(weight @ estimates / weight.sum()), 0.0)
    return typical


def _full_rank(design: np.ndarray) -> np.ndarray:
    """Return orthonormal columns with the same span."""
    vectors, values, _ = np.linalg.svd(design.astype(float), full_matrices=False)
    return vectors[:, values > values.max() * 1e-9]
