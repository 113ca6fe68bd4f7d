"""Minibatches of data that were checked once, as the model's methods read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin._keys import MEASURED
from crystallin._progress import shown_if_long
from crystallin.nn import SparseCounts

from ._compat import REGISTRY_KEYS, settings
from ._resident import RegisteredCells, resident_cells
from ._unmeasured import Unmeasured, silent, warn_of, without

if TYPE_CHECKING:
    from anndata import AnnData

    from ._reading import ReadingMixin

# largest number of cells over which the average cell is computed
N_AVERAGED = 1_000
# number of cells whose counts are summed at a time
N_SUMMED = 10_000


@dataclass(frozen=True, eq=False)
class Reading:
    """Checked data for a model, returned by :meth:`ProgramVAE.reading`.

    Every method of the model with an argument ``adata`` accepts a reading instead, and does not check the data and
    counts again. Use a reading within one function only, because it does not notice changes of data or model.

    Attributes
    ----------
    model
        The model.
    adata
        Registered data: the model's own, or a private AnnData that shares the matrices of the given data.
    gene_totals
        Sum of each gene's counts over all cells; ``None`` for minified data.
    is_own
        Whether these are the data of the model itself, each of whose batches has its own intercepts.
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
        """Registered data, with counts on the model's device if they fit."""
        manager = self.model.get_anndata_manager(self.adata, required=True)
        cells = resident_cells(manager, self.model.device)
        return RegisteredCells(manager, self.model.device) if cells is None else cells

    @cached_property
    def batches(self) -> np.ndarray:
        """Batch of each cell, from 0; genes may be measured in some batches only."""
        manager = self.model.get_anndata_manager(self.adata, required=True)
        return np.asarray(manager.get_from_registry(REGISTRY_KEYS.BATCH_KEY)).reshape(-1).astype(int)

    @cached_property
    def unmeasured(self) -> dict[int, Unmeasured]:
        """Genes that are not measured in each batch; the first access warns about affected programs."""
        padded = np.zeros(self.adata.n_vars, dtype=bool)
        if MEASURED in self.adata.var:
            padded = (self.gene_totals == 0) & ~self.adata.var[MEASURED].to_numpy(dtype=bool)
        everyone, found = np.arange(self.adata.n_obs), {}
        # genes missing in a batch of the model's own data are absorbed by its intercepts, and do not bias programs
        several = not self.is_own and len(np.unique(self.batches)) > 1
        totals = dict.fromkeys(np.unique(self.batches).tolist(), self.gene_totals)
        if several:
            totals = self.gene_totals_by_batch()
        for batch, of_batch in totals.items():
            cells = self.batches == batch if several else everyone >= 0
            found[batch] = self._without(padded | silent(self.model.module, of_batch), of_batch, cells)
        affected = [batch for batch, missing in found.items() if missing.genes.any()]
        if affected:
            # describe the largest loss over batches
            genes, lost = zip(*((found[batch].genes, found[batch].lost) for batch in affected), strict=True)
            worst = Unmeasured(np.any(genes, axis=0), np.max(lost, axis=0))
            warn_of(worst, self.model._prior, int(np.isin(self.batches, affected).sum()))
        return found

    def warn_of_unmeasured(self) -> None:
        """Warn once about programs whose genes are not measured."""
        if self.gene_totals is not None:
            _ = self.unmeasured

    def withheld(self, positions: np.ndarray) -> np.ndarray | None:
        """Return which programs are NaN in these cells because their genes are not measured, cells x programs.

        ``None`` means none. Genes of data that are not the model's own are checked in each batch, over all cells and
        over the given cells.
        """
        if self.gene_totals is None or (self.is_own and not any(gone.lost.any() for gone in self.unmeasured.values())):
            return None
        mask = np.zeros((len(positions), self.model._prior.n_programs), dtype=bool)
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
        missing = without(self.model.module, genes, totals.sum() / cells.sum())
        measured = self.model.measured_weight
        return missing if measured is None else missing.beside(1 - measured)

    def gene_totals_by_batch(self) -> dict[int, np.ndarray]:
        """Return the total counts of genes over all cells of each batch."""
        return self._gene_totals(np.arange(self.adata.n_obs))

    def total_counts(self, positions: np.ndarray) -> np.ndarray:
        """Return the total counts of genes over some cells."""
        return np.sum(list(self._gene_totals(positions).values()), axis=0)

    def _gene_totals(self, positions: np.ndarray) -> dict[int, np.ndarray]:
        """Return the total counts of genes over some cells, by batch."""
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
        """Return the positions of cells given by position, by name or as a mask; ``None`` returns all."""
        return checks.check_indices(indices, self.obs_names, argument)

    def together(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Return some cells as one minibatch."""
        return self.cells[indices]

    def each(self, batches: Sequence[np.ndarray]) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches of some cells as one minibatch each; a file is read for many batches at a time."""
        return self.cells.each(batches)

    def sample(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Return cells spread evenly over those at ``indices``, as one minibatch."""
        return self.together(evenly(indices, N_AVERAGED))

    def minibatches(self, indices: np.ndarray, batch_size: int | None = None) -> Iterable[dict[str, torch.Tensor]]:
        """Return minibatches of all cells at ``indices``."""
        size = settings.batch_size if batch_size is None else batch_size
        return shown_if_long(self.cells.loader(indices, size, shuffle=False), "Cells")


class Stream:
    """Minibatches given by the caller, with the same methods as :class:`Reading` and without positions of cells.

    Parameters
    ----------
    dataloader
        Source of the minibatches, which is read once.
    """

    def __init__(self, dataloader: Iterable[dict[str, torch.Tensor]]) -> None:
        self._dataloader = dataloader
        self._read: list[dict[str, torch.Tensor]] = []
        self._rest: Iterator[dict[str, torch.Tensor]] | None = None

    def sample(self, positions: None = None) -> dict[str, torch.Tensor]:
        """Return the first minibatch."""
        self._rest = iter(self._dataloader)
        self._read = list(islice(self._rest, 1))
        if not self._read:
            msg = "dataloader has no minibatches."
            raise ValueError(msg)
        return self._read[0]

    def minibatches(self, positions: None = None, batch_size: int | None = None) -> Iterable[dict[str, torch.Tensor]]:
        """Return all minibatches, including the first one."""
        return self._dataloader if self._rest is None else chain(self._read, self._rest)

    def withheld(self, positions: None = None) -> None:
        """Return ``None``, because it is not known which genes are measured."""
        return None


def evenly(indices: np.ndarray, n: int) -> np.ndarray:
    """Return at most ``n`` of the indices, spread evenly."""
    return indices[np.linspace(0, len(indices) - 1, min(len(indices), n)).astype(int)]
