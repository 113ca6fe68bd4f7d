"""Linear models of samples' mean activities: the engine of all comparisons across samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crystallin import stats
from crystallin.stats import Means, Moments, SampleDifference

from ._design import check_estimable
from ._measured import Compared, Measured, Steadiness, TooFewError

# with fewer degrees of freedom a variance is not estimated but guessed
MIN_DF = 0.9
# a covariate with a larger share of its variance within samples and groups is adjusted for by its slope within them
VARIES_WITHIN = 0.05


@dataclass(frozen=True)
class Model:
    """A linear model of units.

    Attributes
    ----------
    design
        Units x coefficients.
    contrast
        Weight of each coefficient in the combination of interest.
    donor
        Code of each unit's donor; units of different donors are independent.
    donors
        Names of the donors.
    is_random
        Whether units of a donor share a random intercept. Otherwise each donor has one unit, or its own level in the
        design.
    kind
        Code of each unit's kind: cells of a kind are alike but for their samples, so their variance is pooled.
    """

    design: np.ndarray
    contrast: np.ndarray
    donor: np.ndarray
    donors: np.ndarray
    is_random: bool
    kind: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Weight of each unit's mean in the combination of interest, if all are equally certain."""
        return np.linalg.pinv(self.design).T @ self.contrast


def across_samples(
    measured: Measured, units: Moments, model: Model, owner: Sequence[str], where: str, *, is_first: bool = True
) -> Compared:
    """Estimate a combination of coefficients, with samples as the unit of observation.

    Parameters
    ----------
    measured
        Activities.
    units
        Moments of the units, which may have covariates.
    model
        The linear model, without covariates.
    owner
        Covariate of each column of the moments' covariates.
    where
        The comparison, for messages.
    is_first
        Whether to leave out each donor in turn, which is not done for the refits of an ensemble.
    """
    kinds = units.pooled(model.kind, model.kind.max() + 1)
    shift = model.weights @ units.mean
    units, varies, inside, scatter = _adjusted_within(units)
    of_units = np.setdiff1d(np.arange(len(owner)), varies)
    columns = units.mean_covariates[:, of_units]
    basis = stats.estimable_basis(model.design, model.contrast)
    if basis is None:
        msg = f"{where}: the samples do not determine the contrast. Compare levels that each have samples."
        raise TooFewError(msg)
    # columns that follow from others are what donors and strata have in common
    design, contrast = stats.orthonormal(model.design @ basis, basis.T @ model.contrast)
    kept = check_estimable(design, contrast, columns, [owner[i] for i in of_units], where)
    design = np.column_stack([design, columns[:, kept]])
    contrast = np.append(contrast, np.zeros(len(kept)))
    if len(design) <= design.shape[1]:
        msg = (
            f"{where}: {len(design)} means of samples are too few for {design.shape[1]} coefficients (groups, donors, "
            "covariates), so nothing is left to estimate the variance from. Leave covariates out, or compare cells "
            "without samples, which holds for these cells only."
        )
        raise TooFewError(msg)
    # variance from the uncertainty of slopes: the difference of the covariates under this design
    gap = np.linalg.pinv(design).T @ contrast @ units.mean_covariates[:, inside]
    slope_variance = float(gap @ np.linalg.solve(scatter, gap))
    share = stats.reliability(units.uncertainty.sum(axis=0) / units.n.sum())
    marginal = stats.unshrunk_means(units, cell_variances(units, model.kind))
    conditional = measured.conditional(marginal, units.n, share)
    learnt = ~measured.is_decoy
    if len(model.donors) <= 1:
        raise TooFewError(_no_variance(where))
    donor = model.donor if model.is_random else None

    def difference(means: Means) -> SampleDifference:
        result = stats.compare_samples(means, design, contrast, prior_from=learnt, donor=donor)
        between_cells = (means.variance * units.n[:, None]).mean(axis=0)
        return replace(result, se=np.sqrt(result.se**2 + slope_variance * between_cells))

    found, steadiness = difference(marginal), None
    if not found.df_residual >= MIN_DF:
        raise TooFewError(_no_variance(where))
    if is_first:
        effects = stats.without_each(
            marginal, design, contrast, model.donor, prior_from=learnt, is_random=model.is_random
        )
        steadiness = _steadiness(effects, found.effect, model.donors)
    return Compared(
        found,
        None if conditional is None else difference(conditional),
        kinds.mean,
        kinds.scatter() / np.maximum(kinds.n - 1, 1)[:, None] + kinds.mean_uncertainty,
        shift,
        share,
        kinds.n,
        tuple(np.bincount(model.kind)),
        n_donors=len(model.donors),
        cell_sd=np.sqrt(marginal.variance.mean(axis=0) * units.n.mean()),
        steadiness=steadiness,
    )


def _no_variance(where: str) -> str:
    return (
        f"{where}: too few donors have what is compared, so nothing is left to estimate the variance between donors "
        "from. Compare levels that more donors have."
    )


def _steadiness(effects: np.ndarray, effect: np.ndarray, donors: np.ndarray) -> Steadiness:
    """Return the range of ``effects`` without each donor, donors x programs; those of all donors are ``effect``."""
    known = np.isfinite(effects).all(axis=1)
    if not known.any():
        nothing = np.full(effects.shape[1], np.nan)
        return Steadiness(nothing, nothing, np.full(effects.shape[1], "", dtype=object))
    effects, donors = effects[known], donors[known]
    far = np.abs(effects - effect).argmax(axis=0)
    return Steadiness(effects.min(axis=0), effects.max(axis=0), donors[far])


def _adjusted_within(units: Moments) -> tuple[Moments, np.ndarray, np.ndarray, np.ndarray]:
    """Adjust for the covariates that vary between cells of the same unit, by their slopes within units.

    The effect of such a covariate is estimated far better from cells of one sample than from differences between
    samples.

    Returns
    -------
    Adjusted moments, the positions of these covariates, the positions of the linearly independent ones among them, and
    the scatter of the latter within units, covariates x covariates.
    """
    total, within = units.pooled(np.zeros(len(units.n), dtype=int), 1).covariate_scatter(), units.covariate_scatter()
    varies = np.flatnonzero(np.diag(within) > VARIES_WITHIN * np.diag(total))
    # the root of the scatter has the same scalar products as all cells
    columns = stats.root(within)[:, varies]
    kept = varies[stats.independent(np.zeros((len(columns), 1)), columns)]
    adjusted, scatter = units.with_covariates(kept).adjusted()
    return replace(units, total=adjusted.total, squares=adjusted.squares), varies, kept, scatter


def cell_variances(units: Moments, kind: np.ndarray) -> np.ndarray:
    """Return the variance between cells of one unit, pooled over the units of a kind, units x programs."""
    membership = (np.arange(kind.max() + 1)[:, None] == kind).astype(float)
    degrees = membership @ (units.n - 1)
    pooled = membership @ units.scatter() / np.maximum(degrees, 1)[:, None]
    # a kind whose units have one cell each says nothing of the variance between cells
    alone = degrees == 0
    pooled[alone] = units.scatter().sum(axis=0) / max((units.n - 1).sum(), 1)
    return pooled[kind]
