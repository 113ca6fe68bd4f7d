"""What models of some genes write into data with more genes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from crystallin._keys import MIN_MEASURED


def on_all_genes(values: Any, rows: np.ndarray, n_genes: int) -> Any:
    """Return an array of genes, or of genes x programs, with these rows, and zeros for all other genes."""
    if sparse.issparse(values):
        entries = sparse.coo_matrix(values)
        shape = (n_genes, values.shape[1])
        return sparse.csr_matrix((entries.data, (rows[entries.row], entries.col)), shape=shape)
    every = np.zeros((n_genes, *values.shape[1:]), dtype=values.dtype)
    every[rows] = values
    return every


def with_measured(table: pd.DataFrame, measured: np.ndarray) -> pd.DataFrame:
    """Return a table of programs with the share of each one's weight that was measured, and why some are NaN.

    Sets that were dropped are the last rows, and have none.
    """
    shares = np.full(len(table), np.nan)
    shares[: len(measured)] = measured
    reason = np.where(shares < MIN_MEASURED, "less than half of its weight was measured", table["reason"])
    return table.assign(measured=shares, reason=reason)
