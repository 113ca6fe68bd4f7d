"""Exact permutation test of two groups of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb

import numpy as np

from crystallin import stats
from crystallin.stats import Moments

from ._measured import Measured
from ._model import Model, cell_variances

# with more rearrangements, samples are not few, and the test takes long
MAX_REARRANGEMENTS = 1_000
ROUNDING = 1e-9


def exact_p(measured: Measured, units: Moments, model: Model, owner: Sequence[str], *, is_paired: bool) -> np.ndarray:
    """Compute the share of rearrangements of samples whose statistic is at least as large, for each program.

    Where samples are exchangeable, as without a difference, this holds exactly, however they are distributed. In pairs
    the two sides of a sample change places. It is NaN with covariates, which samples do not share, and with more than
    1,000 rearrangements.
    """
    n_programs = units.total.shape[1]
    is_group = model.design[:, 0] > 0
    arrangements = _swapped(model, is_group) if is_paired else _split(is_group)
    if len(owner) or arrangements is None:
        return np.full(n_programs, np.nan)
    # variances must not know which side a sample is on
    means = stats.unshrunk_means(units, cell_variances(units, np.zeros(len(units.n), dtype=int)))
    nuisance = model.design[:, 1:]
    statistics = []
    for sides in arrangements:
        design = np.column_stack([sides, nuisance])
        found = stats.compare_samples(means, design, model.contrast, prior_from=~measured.is_decoy)
        statistics.append(np.abs(found.effect / found.se))
    statistics = np.stack(statistics)
    # the arrangement as it is comes first
    return (statistics >= statistics[0] * (1 - ROUNDING)).mean(axis=0)


def _split(is_group: np.ndarray) -> Iterator[np.ndarray] | None:
    """Yield which units are in the group, in all ways that leave both sides' sizes; the actual one is first."""
    n, n_group = len(is_group), int(is_group.sum())
    if comb(n, n_group) > MAX_REARRANGEMENTS:
        return None
    actual = tuple(np.flatnonzero(is_group))
    others = (chosen for chosen in combinations(range(n), n_group) if chosen != actual)
    return (np.isin(np.arange(n), chosen).astype(float) for chosen in (actual, *others))


def _swapped(model: Model, is_group: np.ndarray) -> Iterator[np.ndarray] | None:
    """Yield which units are in the group if some pairs change sides; the actual one is first."""
    if 2 ** len(model.donors) > MAX_REARRANGEMENTS:
        return None
    return (
        (is_group ^ np.array(swap)[model.donor]).astype(float)
        for swap in product((False, True), repeat=len(model.donors))
    )
