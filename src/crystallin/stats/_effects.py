"""Standardised differences between groups of cells."""

from __future__ import annotations

import numpy as np

# smallest difference of mean activities (in prior sds) worth showing: a program that hardly varies can have a large d
MIN_DIFFERENCE = 0.25


def group_effects(values: np.ndarray, codes: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the difference of means and Cohen's d of each group against all other cells.

    Parameters
    ----------
    values
        Cells x programs.
    codes
        Group of each cell, 0 … ``n_groups - 1``; cells with a negative code are in no group and are left out.
    n_groups
        Number of groups.

    Returns
    -------
    Difference and d, both groups x programs; NaN where the group or its complement has fewer than two cells.
    """
    values, codes = values[codes >= 0].astype(np.float64), codes[codes >= 0]
    # centred on the overall mean, because large means would lose precision in the sums of squares
    values = values - values.mean(axis=0)
    n = np.bincount(codes, minlength=n_groups)[:, None].astype(float)
    total = np.zeros((n_groups, values.shape[1]))
    squares = np.zeros_like(total)
    np.add.at(total, codes, values)
    np.add.at(squares, codes, values**2)
    rest_n, rest_total, rest_squares = (whole.sum(axis=0) - whole for whole in (n, total, squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        within = squares - total**2 / n
        rest_within = rest_squares - rest_total**2 / rest_n
        pooled = np.sqrt((within + rest_within) / (n + rest_n - 2))
        difference = total / n - rest_total / rest_n
        effect = difference / pooled
    too_few = (n < 2).ravel() | (rest_n < 2).ravel()
    difference[too_few] = effect[too_few] = np.nan
    return difference, effect


def effects_of_those_up(values: np.ndarray, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Compute Cohen's d of each group against all other cells, groups x programs; NaN where it is not clearly higher.

    Parameters
    ----------
    values, codes, n_groups
        As in :func:`group_effects`.
    """
    difference, effect = group_effects(values, codes, n_groups)
    return np.where(np.nan_to_num(difference) >= MIN_DIFFERENCE, effect, np.nan)


def standardised_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute Cohen's d of the cells ``a`` against the cells ``b`` for each program (column)."""
    codes = np.repeat([0, 1], [len(a), len(b)])
    _, effect = group_effects(np.concatenate([a, b]), codes, 2)
    return effect[0]
