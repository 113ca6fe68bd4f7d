"""Cells on their way to the model: those asked for, as minibatches of data that were checked once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin._keys import MEASURED
from crystallin.nn import SparseCounts

from ._compat import REGISTRY_KEYS, settings
from ._resident import RegisteredCells, resident_cells
from ._unmeasured import Unmeasured, silent, warn_of, without

if TYPE_CHECKING:
    from anndata import AnnData

    from ._reading import ReadingMixin

# cells whose average is the ground for the others' covariances
N_AVERAGED = 1_000
# cells whose counts are added up at a time
N_SUMMED = 10_000


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
    is_own
        Whether these are the data of the model itself, whose batches have intercepts of their own.
    """

    model: ReadingMixin
    adata: AnnData
    gene_totals: np.ndarray | None
    is_own: bool = False

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
    def batches(self) -> np.ndarray:
        """Batch of each cell, from 0; genes may be measured in some of them only."""
        manager = self.model.get_anndata_manager(self.adata, required=True)
        return np.asarray(manager.get_from_registry(REGISTRY_KEYS.BATCH_KEY)).reshape(-1).astype(int)

    @cached_property
    def unmeasured(self) -> dict[int, Unmeasured]:
        """What the cells of each batch do not measure, warned of the first time."""
        padded = np.zeros(self.adata.n_vars, dtype=bool)
        if MEASURED in self.adata.var:
            padded = (self.gene_totals == 0) & ~self.adata.var[MEASURED].to_numpy(dtype=bool)
        everyone, found = np.arange(self.adata.n_obs), {}
        # a gene that a batch of the model's own data lacks is in its intercept, and takes nothing from its programs
        several = not self.is_own and len(np.unique(self.batches)) > 1
        totals = dict.fromkeys(np.unique(self.batches).tolist(), self.gene_totals)
        if several:
            totals = self._gene_totals(everyone)
        for batch, of_batch in totals.items():
            cells = self.batches == batch if several else everyone >= 0
            found[batch] = self._without(padded | silent(self.model.module, of_batch), of_batch, cells)
        affected = [batch for batch, missing in found.items() if missing.genes.any()]
        if affected:
            # of what batches lack, the worst
            genes, lost = zip(*((found[batch].genes, found[batch].lost) for batch in affected), strict=True)
            worst = Unmeasured(np.any(genes, axis=0), np.max(lost, axis=0))
            warn_of(worst, self.model._prior, int(np.isin(self.batches, affected).sum()))
        return found

    def warn_of_unmeasured(self) -> None:
        """Name programs whose genes are not measured, once."""
        if self.gene_totals is not None:
            _ = self.unmeasured

    def withheld(self, positions: np.ndarray) -> np.ndarray:
        """Which programs cannot be read in these cells, because genes are not measured there; cells x programs.

        Genes of data that are not the model's own are looked at batch by batch, over all cells and over those wanted.
        """
        mask = np.zeros((len(positions), self.model._prior.n_programs), dtype=bool)
        if self.gene_totals is None:
            return mask
        batches = self.batches[positions]
        for batch, missing in self.unmeasured.items():
            mask[batches == batch] = missing.withheld
        if not self.is_own and len(np.unique(positions)) < self.adata.n_obs:
            for batch, of_cells in self._gene_totals(positions).items():
                also = silent(self.model.module, of_cells) & ~self.unmeasured[batch].genes
                if also.any():
                    inside = batches == batch
                    missing = self._without(also | self.unmeasured[batch].genes, of_cells, inside)
                    warn_of(missing, self.model._prior, int(inside.sum()))
                    mask[inside] |= missing.withheld
        return mask

    def _without(self, genes: np.ndarray, totals: np.ndarray, cells: np.ndarray) -> Unmeasured:
        return without(self.model.module, genes, totals.sum() / cells.sum())

    def _gene_totals(self, positions: np.ndarray) -> dict[int, np.ndarray]:
        """Sums of counts over some cells, by batch."""
        found = {int(batch): np.zeros(self.adata.n_vars) for batch in np.unique(self.batches[positions])}
        for tensors in self.minibatches(positions, N_SUMMED):
            counts = SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
            gene, value = (part.cpu().numpy() for part in (counts.gene, counts.value))
            of_entry = tensors[REGISTRY_KEYS.BATCH_KEY].reshape(-1).cpu().numpy().astype(int)[counts.cell.cpu().numpy()]
            for batch in np.unique(of_entry):
                here = of_entry == batch
                found[int(batch)] += np.bincount(gene[here], value[here], minlength=self.adata.n_vars)
        return found

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


class Stream:
    """Minibatches that a caller brings, where there would be a :class:`Reading` and positions of its cells.

    Parameters
    ----------
    dataloader
        The minibatches; they are read once.
    """

    def __init__(self, dataloader: Iterable[dict[str, torch.Tensor]]) -> None:
        self._dataloader = dataloader
        self._read: list[dict[str, torch.Tensor]] = []
        self._rest: Iterator[dict[str, torch.Tensor]] | None = None

    def sample(self, positions: None = None) -> dict[str, torch.Tensor]:
        """The first minibatch."""
        self._rest = iter(self._dataloader)
        self._read = list(islice(self._rest, 1))
        if not self._read:
            msg = "dataloader has no minibatches."
            raise ValueError(msg)
        return self._read[0]

    def minibatches(self, positions: None = None, batch_size: int | None = None) -> Iterable[dict[str, torch.Tensor]]:
        """All of them, the first one included."""
        return self._dataloader if self._rest is None else chain(self._read, self._rest)

    def withheld(self, positions: None = None) -> None:
        """It is not known which programs cannot be read."""
        return None


def evenly(indices: np.ndarray, n: int) -> np.ndarray:
    """At most ``n`` of the indices, spread evenly."""
    return indices[np.linspace(0, len(indices) - 1, min(len(indices), n)).astype(int)]
