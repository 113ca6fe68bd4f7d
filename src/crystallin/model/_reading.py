"""Cells on their way to the model: those asked for, checked, as minibatches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystallin import _checks as checks

from ._compat import settings
from ._resident import resident_cells

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


class ReadingMixin:
    """Minibatches of the cells asked for."""

    module: ProgramModule
    _prior: Prior

    def _minibatches(self, request: Request) -> tuple[dict[str, torch.Tensor], Iterable[dict[str, torch.Tensor]]]:
        """A sample of the cells as one minibatch, and all of them."""
        if request.dataloader is not None:
            self._check_if_trained(warn=False)
            self.module.eval()
            dataloader = iter(request.dataloader)
            first = next(dataloader)
            return first, chain([first], dataloader)
        adata, indices = self._checked(request)
        spread = indices[np.linspace(0, len(indices) - 1, min(len(indices), N_AVERAGED)).astype(int)]
        manager = self.get_anndata_manager(adata, required=True)
        resident = resident_cells(manager, self.device)
        if resident is not None:
            size = settings.batch_size if request.batch_size is None else request.batch_size
            return resident[spread], resident.loader(indices, size, shuffle=False)
        loader = self._make_data_loader(adata=adata, indices=indices, batch_size=request.batch_size)
        return next(iter(self._make_data_loader(adata=adata, indices=spread, batch_size=len(spread)))), loader

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

    def _check_counts_are_there(self) -> None:
        if self.module.minified_data_type is not None:
            msg = (
                "The refined posterior needs the counts, and this model's data were minified. Use refine=False for the "
                "posterior that was stored, or the AnnData with counts."
            )
            raise ValueError(msg)
