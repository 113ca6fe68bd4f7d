"""Stored activities, of which rows are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import UNIQUE, Keys

from ._arrays import Rows

if TYPE_CHECKING:
    from anndata import AnnData


class RowSource(Protocol):
    """An array of cells x programs of which rows are read."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return rows in memory."""


class Refit:
    """Means of one refit.

    Parameters
    ----------
    refits
        Cells x refits x programs.
    number
        Position of the refit.
    """

    def __init__(self, refits: RowSource, number: int) -> None:
        self.refits, self.number = refits, number
        self.shape = (refits.shape[0], refits.shape[2])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return rows in memory."""
        return self.refits[rows][:, self.number]


class WithinFits:
    """Posterior standard deviations without the differences between fits.

    Parameters
    ----------
    mean, sd
        Activities as they are stored, cells x programs.
    refits
        Cells x refits x programs.
    """

    def __init__(self, mean: RowSource, sd: RowSource, refits: RowSource) -> None:
        self.mean, self.sd, self.refits, self.shape = mean, sd, refits, sd.shape

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return rows in memory."""
        between = np.square(self.refits[rows] - self.mean[rows][:, None]).mean(axis=1)
        return np.sqrt(np.maximum(np.square(self.sd[rows]) - between, 0))


def activity_rows(
    adata: AnnData, keys: Keys, kind: str = UNIQUE, refit: int | None = None
) -> tuple[RowSource, RowSource]:
    """Return stored means and standard deviations of activities, whose rows are read when they are asked for.

    Programs whose genes were not measured have the prior's mean and standard deviation, 0 and 1.

    With ``refit``, means are those of a refit of an ensemble. Standard deviations never contain the differences between
    fits: a cell's counts do not shrink its activity towards 0 by what the fits disagree on.
    """
    mean, sd = (checks.check_matrix(adata, "obsm", slot, keys) for slot in keys.of_kind(kind))
    means, sds = Rows(mean, 0.0), Rows(sd, 1.0)
    if keys.of_refits(kind) not in adata.obsm:
        return means, sds
    refits = Rows(adata.obsm[keys.of_refits(kind)], 0.0)
    return means if refit is None else Refit(refits, refit), WithinFits(means, sds, refits)
