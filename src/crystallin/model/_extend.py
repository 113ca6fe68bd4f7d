"""A model of completed programs that starts from the present parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ._compat import SCVI_UUID_KEY
from ._settings import check_training
from ._training import check_train_arguments

if TYPE_CHECKING:
    from ._model import ProgramVAE

# parameters with one value for each edge
OF_EDGES = ("decoder.loadings", "z_encoder.readout")
# the first stage has nothing to do but to let the encoder follow, and the second fits the decoder
SETTLING = {"max_epochs": 1, "plan_kwargs": {"lr": 1e-4}}
# smallest loading with which an added member starts
MIN_LOADING = 0.01


def completed_model(model: ProgramVAE, edges: pd.DataFrame, train_kwargs: dict[str, Any]) -> ProgramVAE:
    """Return a new model whose programs have further members, fitted from the parameters of ``model``.

    Parameters
    ----------
    model
        A trained model with its data; it is not changed.
    edges
        Members to add: ``gene``, ``program``, ``weight`` (direction) and ``loading``, with which they start.
    train_kwargs
        Arguments of :meth:`crystallin.ProgramVAE.train`. By default the second stage has as many epochs as in a full
        training, and the first a single one with a small learning rate.
    """
    prior = model._prior
    gene = pd.Index(prior.genes).get_indexer(edges["gene"])
    program = pd.Index(prior.programs).get_indexer(edges["program"])
    weight = edges["weight"].to_numpy(dtype=np.float32)
    longer = prior.with_edges(gene, program, weight)
    arguments = {name: value for name, value in model.init_params_["non_kwargs"].items() if name != "prior"}
    # a copy of the data that was registered later may have taken their place in scvi-tools' store
    store, uuid = type(model)._setup_adata_manager_store, model.adata.uns[SCVI_UUID_KEY]
    latest = store.get(uuid)
    store[uuid] = model.adata_manager
    try:
        new = type(model)(model.adata, prior=longer, **arguments)
    finally:
        if latest is not None:
            store[uuid] = latest
    # a loading of the other direction would be projected to 0
    start = weight * np.maximum(edges["loading"].to_numpy(dtype=np.float32) * weight, MIN_LOADING)
    _start_from(new, model, gene, program, start)
    new.is_trained_ = True
    n_obs = model.adata.n_obs
    if "posterior_epochs" not in train_kwargs:
        usual = {name: value for name, value in train_kwargs.items() if name != "max_epochs"}
        train_kwargs = {**train_kwargs, "posterior_epochs": check_training(n_obs, 0, **usual).posterior_epochs}
    new.train(**{**SETTLING, **train_kwargs})
    return new


def check_completion(model: ProgramVAE, train_kwargs: dict[str, Any]) -> None:
    """Raise unless a completed model can be trained on the model's data with these arguments."""
    if model.adata is None:
        msg = (
            "The model has no data, and the completed programs are fitted to the cells it was trained on. Load it "
            "with them: ProgramVAE.load(folder, adata)."
        )
        raise ValueError(msg)
    if getattr(model, "n_reference_", None) is not None:
        msg = "This is the model of a query, whose programs are those of its reference. Complete the reference model."
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
