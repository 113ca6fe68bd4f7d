"""Cells on their way to the model: those asked for, as minibatches of data that were checked once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks

from ._compat import settings
from ._resident import RegisteredCells, resident_cells
from ._unmeasured import unmeasured, warn_of

if TYPE_CHECKING:
    from anndata import AnnData

    from ._reading import ReadingMixin

# cells whose average is the ground for the others' covariances
N_AVERAGED = 1_000


@dataclass(frozen=True, eq=False)
class Reading:
    """Data that a model is about to read, checked once; made by :meth:`ProgramVAE.reading`.

    Every method of the model that takes ``adata`` takes a reading instead, and then neither checks the data nor looks
    through the counts again. It is meant for the time of one function: it does not notice when data or model change.

    Attributes
    ----------
    model
        The model.
    adata
        The data as they are registered: the model's own, or a private AnnData that shares the matrices of what was
        given.
    gene_totals
        Sum of each gene's counts over all cells; ``None`` for minified data.
    """

    model: ReadingMixin
    adata: AnnData
    gene_totals: np.ndarray | None

    @property
    def obs_names(self) -> pd.Index:
        """Names of the cells."""
        return self.adata.obs_names

    @cached_property
    def cells(self) -> RegisteredCells:
        """The registered data, counts on the model's device if they fit."""
        manager = self.model.get_anndata_manager(self.adata, required=True)
        cells = resident_cells(manager, self.model.device)
        return RegisteredCells(manager, self.model.device) if cells is None else cells

    @cached_property
    def withheld(self) -> np.ndarray:
        """Which programs cannot be read from these data, because genes are not measured; warns the first time."""
        module, prior = self.model.module, self.model._prior
        if self.gene_totals is None:
            return np.zeros(prior.n_programs, dtype=bool)
        missing = unmeasured(module, self.gene_totals, self.adata.n_obs)
        warn_of(missing, prior, self.adata.n_obs)
        return missing.withheld

    def positions(self, indices: Any = None, argument: str = "indices") -> np.ndarray:
        """Positions of the cells wanted, given by position, by name or as a mask; ``None`` for all."""
        return checks.check_indices(indices, self.obs_names, argument)

    def together(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Some cells as one minibatch."""
        return self.cells[indices]

    def sample(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Cells spread evenly over those at ``indices``, as one minibatch."""
        return self.together(evenly(indices, N_AVERAGED))

    def minibatches(self, indices: np.ndarray, batch_size: int | None = None) -> Iterable[dict[str, torch.Tensor]]:
        """All cells at ``indices``."""
        return self.cells.loader(indices, settings.batch_size if batch_size is None else batch_size, shuffle=False)


class Request(NamedTuple):
    """Which cells to read, and how many at a time; see :meth:`PosteriorMixin.get_activity`.

    Either ``reading`` and ``positions`` or ``dataloader`` is there.
    """

    reading: Reading | None
    positions: np.ndarray | None
    batch_size: int | None
    dataloader: Iterable[dict[str, torch.Tensor]] | None

    @property
    def withheld(self) -> np.ndarray | bool:
        """Which programs cannot be read."""
        return False if self.reading is None else self.reading.withheld

    def minibatches(self) -> tuple[dict[str, torch.Tensor], Iterable[dict[str, torch.Tensor]]]:
        """A sample of the cells as one minibatch, and all of them."""
        if self.dataloader is not None:
            dataloader = iter(self.dataloader)
            first = next(dataloader)
            return first, chain([first], dataloader)
        return self.reading.sample(self.positions), self.reading.minibatches(self.positions, self.batch_size)


def evenly(indices: np.ndarray, n: int) -> np.ndarray:
    """At most ``n`` of the indices, spread evenly."""
    return indices[np.linspace(0, len(indices) - 1, min(len(indices), n)).astype(int)]
