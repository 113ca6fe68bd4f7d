"""Separation of two sets of cells by a program."""

from __future__ import annotations

import numpy as np


def superiority(cells: np.ndarray, others: np.ndarray) -> float:
    """Compute the probability that a cell has a higher value than one of the others; ties count half. NaN if empty.

    This is the area under the receiver operating characteristic: Mann & Whitney's U (1947, Ann Math Stat 18:50) divided
    by the number of pairs.

    Parameters
    ----------
    cells
        Values of the cells.
    others
        Values of the others, in ascending order.
    """
    if not len(cells) or not len(others):
        return np.nan
    below = np.searchsorted(others, cells, side="left")
    not_above = np.searchsorted(others, cells, side="right")
    return float((below + not_above).mean() / (2 * len(others)))
