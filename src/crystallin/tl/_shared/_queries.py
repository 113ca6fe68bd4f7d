"""What models of some genes write into data with more genes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crystallin._keys import MIN_MEASURED


def with_measured(table: pd.DataFrame, measured: np.ndarray) -> pd.DataFrame:
    """Return a table of programs with the share of each one's weight that was measured, and why some are NaN.

    Sets that were dropped are the last rows, and have none.
    """
    shares = np.full(len(table), np.nan)
    shares[: len(measured)] = measured
    reason = np.where(shares < MIN_MEASURED, "less than half of its weight was measured", table["reason"])
    return table.assign(measured=shares, reason=reason)
