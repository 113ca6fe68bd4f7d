"""How well a program parts two sets of cells."""

from __future__ import annotations

import numpy as np


def superiority(cells: np.ndarray, others: np.ndarray) -> float:
    """Probability that one of the cells has more than one of the others, ties counted half; NaN of nothing.

    The area under the receiver operating characteristic, Mann & Whitney's U over the number of pairs (1947, Ann Math
    Stat 18:50).

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
