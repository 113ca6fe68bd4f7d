"""Error of sums of attributions as predictions of changes."""

from __future__ import annotations

import numpy as np


def infidelity(foretold: np.ndarray, change: np.ndarray) -> float:
    """Compute the mean squared error after the best scaling, relative to that of the change; 0 is best, 1 is useless.

    Yeh et al. (2019, NeurIPS 32, 10967), with the scaling of their section 2.
    """
    size = foretold @ foretold
    scale = foretold @ change / size if size > 0 else 0.0
    return float(((change - scale * foretold) ** 2).sum() / max((change**2).sum(), np.finfo(float).tiny))
