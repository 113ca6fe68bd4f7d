"""Stored activities in each reading, as they are compared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from crystallin import stats
from crystallin._keys import TOTAL, UNIQUE, Keys
from crystallin._store import activity_rows

from ._measured import Coupling, Measured

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.stats import Moments


def measure(
    adata: AnnData,
    keys: Keys,
    code: np.ndarray,
    n_units: int,
    covariates: np.ndarray,
    correlation: np.ndarray,
    is_decoy: np.ndarray,
    refit: int | None = None,
) -> dict[str, Measured]:
    """Return the activities of units in each reading.

    Parameters
    ----------
    adata, keys
        Data with activities, and their slots.
    code, n_units
        Unit of each cell, negative for cells that are left out, and number of units.
    covariates
        Cells x covariates.
    correlation
        Posterior correlation of programs.
    is_decoy
        Which programs are decoys.
    refit
        Take the activities of this refit of an ensemble; ``None`` takes those of the first fit.
    """
    collect = partial(stats.collect_moments, codes=code, n_groups=n_units, covariates=covariates)
    unique, covariance = collect(*activity_rows(adata, keys, UNIQUE, refit))
    total, _ = collect(*activity_rows(adata, keys, TOTAL, refit), with_covariance=False)
    return {
        UNIQUE: Measured(unique, is_decoy, _coupling(unique, covariance, correlation)),
        TOTAL: Measured(total, is_decoy, None),
    }


def _coupling(moments: Moments, covariance: np.ndarray, correlation: np.ndarray) -> Coupling:
    uncertainty = moments.uncertainty.sum(axis=0) / moments.n.sum()
    sd = np.sqrt(uncertainty)
    return Coupling(covariance, correlation * np.outer(sd, sd), stats.reliability(uncertainty))
