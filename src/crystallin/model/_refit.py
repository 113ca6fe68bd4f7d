"""A model that starts from the present parameters, with more members or on other cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks

from ._compat import SCVI_UUID_KEY
from ._settings import check_training
from ._training import check_train_arguments

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._model import ProgramVAE

# parameters with one value for each edge
OF_EDGES = ("decoder.loadings", "z_encoder.readout")
# the first stage has nothing to do but to let the encoder follow, and the second fits the decoder
SETTLING = {"max_epochs": 1, "plan_kwargs": {"lr": 1e-4}}
# smallest loading with which an added member starts
MIN_LOADING = 0.01


class RefitMixin:
    """``refitted``."""

    def refitted(
        self,
        *,
        members: pd.DataFrame | None = None,
        cells: np.ndarray | None = None,
        random_state: int | None = None,
        **train_kwargs: Any,
    ) -> Self:
        """Return a new model that starts from the parameters of this one and is fitted again.

        The decoder is fitted to the exact posterior, as in the second stage of :meth:`train`, which takes about half of
        the time of a full training. This model is not changed.

        Parameters
        ----------
        members
            Members to add to programs: a table with ``program``, ``gene``, ``weight`` (direction) and ``loading``, with
            which they start.
        cells
            Positions of the cells to fit; ``None`` uses all but those for validation, as :meth:`train` does.
        random_state
            Seed of the new model; ``None`` uses that of this one.
        **train_kwargs
            Arguments of :meth:`train`. By default the second stage has as many epochs as in a full training, and the
            first a single one with a small learning rate.

        Raises
        ------
        KeyError
            If the model does not have a gene or program of ``members``.
        ValueError
            If the model has no data, is that of a query, or a member is in its program already.

        Examples
        --------
        >>> again = model.refitted(cells=range(0, model.adata.n_obs, 2))  # doctest: +SKIP
        """
        check_refit(self, train_kwargs)
        if members is None:
            members = pd.DataFrame({"program": [], "gene": [], "weight": [], "loading": []})
        prior = self._prior
        gene = pd.Index(prior.genes).get_indexer(members["gene"])
        program = pd.Index(prior.programs).get_indexer(members["program"])
        if (gene < 0).any() or (program < 0).any():
            unknown = [*members["gene"][gene < 0], *members["program"][program < 0]]
            msg = f"members has genes or programs that the model does not have: {checks.some(unknown, 3)}."
            raise KeyError(msg)
        weight = members["weight"].to_numpy(dtype=np.float32)
        seed = {} if random_state is None else {"random_state": random_state}
        new = self._built_like(prior.with_edges(gene, program, weight), **seed)
        # a loading of the other direction would be projected to 0
        start = weight * np.maximum(members["loading"].to_numpy(dtype=np.float32) * weight, MIN_LOADING)
        _start_from(new, self, gene, program, start)
        new.is_trained_ = True
        if cells is not None:
            cells = np.asarray(cells)
            others = np.setdiff1d(np.arange(self.adata.n_obs), cells)
            # training, validation and test cells
            parts = [cells, np.zeros(0, dtype=int), others]
            splitter = {**(train_kwargs.get("datasplitter_kwargs") or {}), "external_indexing": parts}
            train_kwargs = {**train_kwargs, "datasplitter_kwargs": splitter}
        if "posterior_epochs" not in train_kwargs:
            usual = {name: value for name, value in train_kwargs.items() if name != "max_epochs"}
            n_epochs = check_training(self.adata.n_obs, 0, **usual).posterior_epochs
            train_kwargs = {**train_kwargs, "posterior_epochs": n_epochs}
        new.train(**{**SETTLING, **train_kwargs})
        return new

    def _built_like(self, prior: Prior, **changes: Any) -> Self:
        """Return an untrained model of the same data and options with another prior."""
        arguments = self.init_params_["non_kwargs"] | {"prior": prior} | changes
        # a copy of the data that was registered later may have taken their place in scvi-tools' store
        store, uuid = self._setup_adata_manager_store, self.adata.uns[SCVI_UUID_KEY]
        latest = store.get(uuid)
        store[uuid] = self.adata_manager
        try:
            return type(self)(self.adata, **arguments)
        finally:
            if latest is not None:
                store[uuid] = latest


def check_refit(model: ProgramVAE, train_kwargs: dict[str, Any]) -> None:
    """Raise unless the model can be fitted again to its data with these arguments."""
    if model.adata is None:
        msg = (
            "The model has no data, and it is fitted again to the cells it was trained on. Load it with them: "
            "ProgramVAE.load(folder, adata)."
        )
        raise ValueError(msg)
    if model.refits:
        msg = "This is an ensemble. Give its first fit, ensemble.model, and call crystallin.ensemble on the result."
        raise ValueError(msg)
    if getattr(model, "n_reference_", None) is not None:
        msg = "This is the model of a query, whose programs are those of its reference. Use the reference model."
        raise ValueError(msg)
    check_train_arguments(model.adata, **train_kwargs)


@torch.no_grad()
def _start_from(new: ProgramVAE, model: ProgramVAE, gene: np.ndarray, program: np.ndarray, loading: np.ndarray) -> None:
    """Copy all parameters, and set those of edges that were added."""
    before, after = model.module.state_dict(), new.module.state_dict()
    old_edges, edges = model.module.decoder.edges, new.module.decoder.edges
    n_genes = edges.shape[1]

    def code(part: Any) -> np.ndarray:
        return (part.program * n_genes + part.gene).cpu().numpy()

    place = pd.Index(code(old_edges)).get_indexer(code(edges))
    start = pd.Series(loading, program * n_genes + gene).reindex(code(edges)[place < 0]).to_numpy()
    for name, values in after.items():
        if name in OF_EDGES:
            copied = before[name].new_zeros(len(place))
            copied[place >= 0] = before[name][torch.from_numpy(place[place >= 0]).to(before[name].device)]
            if name == OF_EDGES[0]:
                copied[place < 0] = torch.from_numpy(start).to(copied)
            values.copy_(copied)
        elif ".edges." not in name:
            values.copy_(before[name])
    new.module.decoder.project_()
