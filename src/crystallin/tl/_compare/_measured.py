"""Comparison of two groups, across samples if there are any and otherwise across cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin.stats import Difference, Means, Moments

from ._design import check_not_collinear

# the variance between samples cannot be estimated from fewer pairs, or fewer samples on a side
MIN_SAMPLES = 2
MIN_CELLS = 2
# a covariate with a larger share of its variance within samples and groups is adjusted for by its slope within them
VARIES_WITHIN = 0.05
# programs of lower reliability are not tested, because their activity is determined mostly by the prior
TESTED_FROM = 0.1


class TooFewError(ValueError):
    """Raised if one comparison has too few samples or cells; others may have enough."""


@dataclass(frozen=True)
class Coupling:
    """Covariance of programs between cells of the same unit, programs x programs.

    Attributes
    ----------
    covariance
        Covariance of posterior means.
    posterior
        Mean posterior covariance of a cell.
    share
        Reliability of each program.
    """

    covariance: np.ndarray
    posterior: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class Measured:
    """Activities in one reading, as they are compared.

    Attributes
    ----------
    moments
        Moments of the units.
    is_decoy
        Which programs are decoys; they are not used to explain others.
    coupling
        Covariance of programs; ``None`` if there are no conditional differences, as of totals.
    """

    moments: Moments
    is_decoy: np.ndarray
    coupling: Coupling | None

    def conditional(self, means: Means, n_cells: np.ndarray, share: np.ndarray) -> Means | None:
        """Return means conditional on the programs of higher reliability, ``share``, in the cells compared."""
        if self.coupling is None:
            return None
        order = np.argsort(-share, kind="stable")
        order = order[(share[order] >= TESTED_FROM) & ~self.is_decoy[order]]
        coupling = self.coupling
        return stats.given_better_known(means, n_cells, order, coupling.covariance, coupling.posterior, coupling.share)


@dataclass(frozen=True)
class Compared:
    """Result of one comparison, arrays over programs.

    Attributes
    ----------
    marginal, conditional
        Difference of each program by itself, and conditional on those of higher reliability (``None`` for totals).
    mean
        Mean posterior activity, group and reference, 2 x programs.
    variance
        Variance of activity between cells, including their posterior variance, 2 x programs.
    reliability
        One minus the mean posterior variance of the cells compared.
    n_cells, n_samples
        Numbers of cells and samples of group and reference; 0 without samples.
    paired
        Whether the sides were compared within each sample.
    left_out
        Samples that were left out.
    """

    marginal: Difference
    conditional: Difference | None
    mean: np.ndarray
    variance: np.ndarray
    reliability: np.ndarray
    n_cells: np.ndarray
    n_samples: tuple[int, int]
    paired: bool
    left_out: tuple[str, ...]

    @property
    def pooled_sd(self) -> np.ndarray:
        """Standard deviation of activity between cells of one side."""
        weight = self.n_cells - 1
        return np.sqrt(weight @ self.variance / weight.sum())


def across_cells(measured: Measured, side: np.ndarray, owner: Sequence[str], where: str) -> Compared:
    """Compare two groups with cells as the unit of observation; the result holds for these cells only.

    Parameters
    ----------
    measured
        Activities.
    side
        0 for units of the group, 1 for those of the reference, negative for others.
    owner
        Covariate of each column of the moments' covariates.
    where
        The comparison, for messages.
    """
    two = measured.moments.pooled(side, 2)
    if two.n.min() < MIN_CELLS:
        msg = (
            f"{where}: {_cells(two.n)}, but a comparison needs at least {MIN_CELLS} of each. Leave the group out of "
            "`groups`, or merge it with another."
        )
        raise TooFewError(msg)
    inflation, stored = 1.0, two
    if owner:
        # the root of the Gram matrix of intercept, side and covariates has the same scalar products as all cells
        intercept, is_group, *columns = stats.root(two.gram()).T
        kept = check_not_collinear(intercept[:, None], is_group, np.stack(columns, axis=1), owner, where)
        two = two.with_covariates(kept)
        two, scatter = two.adjusted()
        gap = np.subtract(*two.mean_covariates)
        inflation += gap @ np.linalg.solve(scatter, gap) / (1 / two.n).sum()
    degrees = (two.n - 1)[:, None]
    within = two.scatter() / degrees
    share = stats.reliability(two.uncertainty.sum(axis=0) / two.n.sum())
    marginal = stats.unshrunk_means(two, within)
    conditional = measured.conditional(marginal, two.n, share)
    return Compared(
        stats.compare_cells(marginal, two.n, inflation),
        None if conditional is None else stats.compare_cells(conditional, two.n, inflation),
        stored.mean,
        stored.scatter() / degrees + stored.mean_uncertainty,
        share,
        two.n,
        (0, 0),
        paired=False,
        left_out=(),
    )


def across_samples(
    measured: Measured,
    side: np.ndarray,
    sample: np.ndarray,
    owner: Sequence[str],
    where: str,
    *,
    paired: bool | None,
) -> Compared:
    """Compare two groups with samples as the unit of observation; see :func:`across_cells` for other parameters.

    Parameters
    ----------
    sample
        Sample of each unit.
    paired
        Compare the two sides within each sample; ``None`` does so if enough samples are on both sides.
    """
    there = side >= 0
    names, code = np.unique(sample[there], return_inverse=True)
    pairs_of = np.full(len(side), -1)
    pairs_of[there] = 2 * code + side[there]
    occupied = np.bincount(pairs_of[there], minlength=2 * len(names)).reshape(-1, 2) > 0
    use, is_paired = _samples_to_use(occupied, names, where, paired)
    unit = np.full(2 * len(names), -1)
    chosen = np.flatnonzero((occupied & use[:, None]).ravel())
    unit[chosen] = np.arange(len(chosen))
    units = measured.moments.pooled(np.where(pairs_of >= 0, unit[pairs_of], -1), len(chosen))
    of_sample, of_side = chosen // 2, chosen % 2
    is_group = (of_side == 0).astype(float)

    nuisance = np.ones((len(chosen), 1))
    if is_paired:
        nuisance = pd.get_dummies(of_sample).to_numpy(dtype=float)
    two = units.pooled(of_side, 2)
    units, varies, inside, scatter = _adjusted_within(units)
    of_units = np.setdiff1d(np.arange(len(owner)), varies)
    columns = units.mean_covariates[:, of_units]
    kept = check_not_collinear(nuisance, is_group, columns, [owner[i] for i in of_units], where)
    design = np.column_stack([is_group, nuisance, columns[:, kept]])
    # variance from the uncertainty of slopes: the difference of the covariates between the sides, under this design
    gap = np.linalg.pinv(design)[0] @ units.mean_covariates[:, inside]
    slope_variance = float(gap @ np.linalg.solve(scatter, gap))
    if len(design) <= design.shape[1]:
        msg = (
            f"{where}: {len(design)} means of samples are too few for {design.shape[1]} coefficients (group, "
            f"{'samples' if is_paired else 'intercept'}, covariates). Leave covariates out."
        )
        raise TooFewError(msg)
    share = stats.reliability(two.uncertainty.sum(axis=0) / two.n.sum())
    marginal = stats.unshrunk_means(units, _within(units, of_side))
    conditional = measured.conditional(marginal, units.n, share)
    n_group = int(is_group.sum())

    def difference(means: Means) -> Difference:
        result = stats.compare_samples(means, design, 0, prior_from=~measured.is_decoy)
        between_cells = (means.variance * units.n[:, None]).mean(axis=0)
        return replace(result, se=np.sqrt(result.se**2 + slope_variance * between_cells))

    return Compared(
        difference(marginal),
        None if conditional is None else difference(conditional),
        two.mean,
        two.scatter() / (two.n - 1)[:, None] + two.mean_uncertainty,
        share,
        two.n,
        (n_group, len(chosen) - n_group),
        paired=is_paired,
        left_out=tuple(names[~use]),
    )


def _samples_to_use(
    occupied: np.ndarray, names: np.ndarray, where: str, paired: bool | None
) -> tuple[np.ndarray, bool]:
    """Return which samples are used, and whether the sides are compared within each sample.

    A paired comparison uses the samples that are on both sides. An unpaired one uses the samples that are on one side
    only, because two means of the same sample are not independent; with ``paired=False`` it uses all samples.
    ``paired=None`` uses pairs if at least half of the samples have both sides, or the only comparison that is possible.
    """
    both, sides = occupied.all(axis=1), occupied.sum(axis=0)
    everyone = np.ones(len(names), dtype=bool)
    alone = everyone if paired is False else ~both
    is_possible = {True: both.sum() >= MIN_SAMPLES, False: (occupied & alone[:, None]).sum(axis=0).min() >= MIN_SAMPLES}
    if paired is None:
        paired = bool(2 * both.sum() >= len(names)) if is_possible[True] == is_possible[False] else is_possible[True]
    if not is_possible[paired]:
        msg = (
            f"{where}: there are {sides[0]} sample(s) of the group and {sides[1]} of the reference, {both.sum()} of "
            f"them on both sides. A comparison needs at least {MIN_SAMPLES} samples on both sides, or {MIN_SAMPLES} on "
            "each side alone. Leave sample_key out to describe these cells only, or merge groups."
        )
        raise TooFewError(msg)
    return (both if paired else alone), bool(paired)


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


def _within(units: Moments, side: np.ndarray) -> np.ndarray:
    """Return the variance between cells of one unit, pooled over the units of a side, units x programs."""
    membership = np.stack([side == 0, side == 1]).astype(float)
    degrees = np.maximum(membership @ (units.n - 1), 1)[:, None]
    return (membership @ units.scatter() / degrees)[side]


def _cells(n: np.ndarray) -> str:
    return f"{int(n[0])} cell(s) in the group and {int(n[1])} in the reference"
