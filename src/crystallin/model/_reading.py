"""Cells on their way to the model: those asked for, checked, as minibatches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystallin import _checks as checks

from ._compat import settings
from ._resident import ResidentCells, resident_cells

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.programs import Prior

    from ._module import ProgramModule

# cells whose average is the ground for the others' covariances
N_AVERAGED = 1_000


class Request(NamedTuple):
    """Which cells to read, and how many at a time; see :meth:`PosteriorMixin.get_activity`."""

    adata: AnnData | None
    indices: Sequence[int] | None
    batch_size: int | None
    dataloader: Iterable[dict[str, torch.Tensor]] | None


@dataclass(frozen=True)
class Source:
    """Checked data that minibatches are taken from, of any of its cells.

    Attributes
    ----------
    model
        The model, ready to be read.
    adata
        The data.
    resident
        The counts on the model's device, if they are there.
    """

    model: ReadingMixin
    adata: AnnData
    resident: ResidentCells | None

    def together(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Some cells as one minibatch."""
        if self.resident is not None:
            return self.resident[indices]
        return next(iter(self.model._make_data_loader(adata=self.adata, indices=indices, batch_size=len(indices))))

    def sample(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Cells spread evenly over those at ``indices``, as one minibatch."""
        return self.together(evenly(indices, N_AVERAGED))

    def minibatches(self, indices: np.ndarray, batch_size: int | None = None) -> Iterable[dict[str, torch.Tensor]]:
        """All cells at ``indices``."""
        if self.resident is not None:
            size = settings.batch_size if batch_size is None else batch_size
            return self.resident.loader(indices, size, shuffle=False)
        return self.model._make_data_loader(adata=self.adata, indices=indices, batch_size=batch_size)


def evenly(indices: np.ndarray, n: int) -> np.ndarray:
    """At most ``n`` of the indices, spread evenly."""
    return indices[np.linspace(0, len(indices) - 1, min(len(indices), n)).astype(int)]


class ReadingMixin:
    """Minibatches of the cells asked for."""

    module: ProgramModule
    _prior: Prior

    def _source(self, adata: AnnData | None, indices: Sequence[int] | None = None) -> tuple[Source, np.ndarray]:
        """Checked data with counts, and the positions of the cells wanted."""
        self._check_counts_are_there("These results need", "the AnnData with counts")
        adata, chosen = self._checked(Request(adata, indices, None, None))
        manager = self.get_anndata_manager(adata, required=True)
        return Source(self, adata, resident_cells(manager, self.device)), chosen

    def _minibatches(self, request: Request) -> tuple[dict[str, torch.Tensor], Iterable[dict[str, torch.Tensor]]]:
        """A sample of the cells as one minibatch, and all of them."""
        if request.dataloader is not None:
            self._check_if_trained(warn=False)
            self.module.eval()
            dataloader = iter(request.dataloader)
            first = next(dataloader)
            return first, chain([first], dataloader)
        source, indices = self._source(request.adata, request.indices)
        return source.sample(indices), source.minibatches(indices, request.batch_size)

    def _checked(self, request: Request) -> tuple[AnnData, np.ndarray]:
        """Data and positions of the cells wanted, checked; the module ready to be read."""
        self._check_if_trained(warn=False)
        self.module.eval()
        adata = self.adata if request.adata is None else request.adata
        if adata is None:
            msg = "The model holds no data; give adata (or dataloader)."
            raise ValueError(msg)
        # the model's own data too: people normalise X between training and reading activities
        checks.check_same_genes(adata.var_names, self._prior.genes)
        if self.module.minified_data_type is None:
            checks.check_counts(adata, self.registry["setup_args"]["layer"], warn_of_empty_genes=False)
        adata = self._validate_anndata(adata)
        return adata, np.arange(adata.n_obs)[slice(None) if request.indices is None else np.asarray(request.indices)]

    def _check_counts_are_there(
        self,
        what: str = "The refined posterior needs",
        remedy: str = "refine=False for the posterior that was stored, or the AnnData with counts",
    ) -> None:
        if self.module.minified_data_type is not None:
            msg = f"{what} the counts, and this model's data were minified. Use {remedy}."
            raise ValueError(msg)
