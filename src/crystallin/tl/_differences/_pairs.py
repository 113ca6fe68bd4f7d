"""Comparisons of two groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ._cells import across_cells
from ._exact import exact_p
from ._measured import Compared, Measured, TooFewError
from ._model import Model, across_samples

# the variance between samples cannot be estimated from fewer pairs, or fewer samples on a side
MIN_SAMPLES = 2


@dataclass(frozen=True)
class Options:
    """What all pairs of a call have in common.

    Attributes
    ----------
    owner
        Covariate of each column of covariates.
    by_sample, paired
        Whether the units of observation are samples, and whether the sides are compared within each sample.
    exact
        Whether to make the permutation test.
    """

    owner: Sequence[str]
    by_sample: bool
    paired: bool | None
    exact: bool = False


@dataclass(frozen=True)
class Pair:
    """Two groups to compare.

    Attributes
    ----------
    labels
        ``stratum``, ``group`` and ``reference``.
    where
        The same, in words, for messages.
    side
        0 for units of the group, 1 for those of the reference, negative for others.
    sample
        Sample of each unit.
    n_cells
        Number of cells of each unit.
    options
        Options of the call.
    """

    labels: dict[str, str]
    where: str
    side: np.ndarray
    sample: np.ndarray
    n_cells: np.ndarray
    options: Options

    @property
    def weights(self) -> np.ndarray:
        """Weight of each unit in the difference of the sides' mean cells."""
        weights = np.zeros(len(self.side))
        for side, sign in ((0, 1), (1, -1)):
            there = self.side == side
            weights[there] = sign * self.n_cells[there] / self.n_cells[there].sum()
        return weights

    def compared(self, measured: Measured, *, is_first: bool = True) -> Compared:
        """Return the difference in one reading."""
        if not self.options.by_sample:
            return across_cells(measured, self.side, self.options.owner, self.where)
        return between_sides(measured, self.side, self.sample, self.where, self.options, is_first=is_first)


def pairs(
    units: pd.DataFrame,
    n_cells: np.ndarray,
    groups: Sequence[str],
    reference: str,
    columns: tuple[str, str | None],
    options: Options,
) -> Iterator[Pair]:
    """Yield the pairs in the order of strata and groups; ``columns`` are the names of ``groupby`` and ``within``."""
    groupby, within = columns
    group, sample = units["group"].to_numpy(), units["sample"].to_numpy()
    for stratum in map(str, units["stratum"].unique()):
        inside = (units["stratum"] == stratum).to_numpy()
        for name in groups:
            is_reference = group != name if reference == "rest" else group == reference
            side = np.where(inside & (group == name), 0, np.where(inside & is_reference, 1, -1))
            labels = {"stratum": stratum, "group": name, "reference": reference}
            place = "" if within is None else f", {within}={stratum!r}"
            yield Pair(labels, f"{groupby}={name!r} against {reference!r}{place}", side, sample, n_cells, options)


def between_sides(
    measured: Measured, side: np.ndarray, sample: np.ndarray, where: str, options: Options, *, is_first: bool = True
) -> Compared:
    """Compare two groups with samples as the unit of observation.

    Parameters
    ----------
    measured
        Activities.
    side
        0 for units of the group, 1 for those of the reference, negative for others.
    sample
        Sample of each unit.
    where
        The comparison, for messages.
    options
        Options of the call.
    is_first
        Whether this is not a refit of an ensemble.
    """
    there = side >= 0
    names, code = np.unique(sample[there], return_inverse=True)
    pairs_of = np.full(len(side), -1)
    pairs_of[there] = 2 * code + side[there]
    occupied = np.bincount(pairs_of[there], minlength=2 * len(names)).reshape(-1, 2) > 0
    use, is_paired = _samples_to_use(occupied, names, where, options.paired)
    unit = np.full(2 * len(names), -1)
    chosen = np.flatnonzero((occupied & use[:, None]).ravel())
    unit[chosen] = np.arange(len(chosen))
    units = measured.moments.pooled(np.where(pairs_of >= 0, unit[pairs_of], -1), len(chosen))
    of_sample, of_side = chosen // 2, chosen % 2
    nuisance = np.ones((len(chosen), 1))
    if is_paired:
        nuisance = pd.get_dummies(of_sample).to_numpy(dtype=float)
    design = np.column_stack([of_side == 0, nuisance]).astype(float)
    donors, donor = np.unique(names[of_sample], return_inverse=True)
    model = Model(design, np.eye(design.shape[1])[0], donor, donors, is_random=False, kind=of_side)
    result = across_samples(measured, units, model, options.owner, where, is_first=is_first)
    wanted = options.exact and is_first
    return replace(
        result,
        shift=result.mean[0] - result.mean[1],
        left_out=tuple(names[~use]),
        why_left_out="on one side only" if is_paired else "on both sides, unlike most samples",
        exact_p=exact_p(measured, units, model, options.owner, is_paired=is_paired) if wanted else None,
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
