"""Comparison of two groups across cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crystallin import stats

from ._design import check_estimable
from ._measured import Compared, Measured, TooFewError

MIN_CELLS = 2


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
        base = np.column_stack([intercept, is_group])
        kept = check_estimable(base, np.array([0.0, 1.0]), np.stack(columns, axis=1), owner, where)
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
        stored.mean[0] - stored.mean[1],
        share,
        two.n,
        (0, 0),
    )


def _cells(n: np.ndarray) -> str:
    return f"{int(n[0])} cell(s) in the group and {int(n[1])} in the reference"
