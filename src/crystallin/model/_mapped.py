"""Models of a query: the programs of a reference, on the genes and in the batches that the query has.

Genes that were not measured are left out of the likelihood and of the encoder. Rates are a softmax over genes, so the
counts of the others, given their sum, follow the softmax over the others: the same decoder with fewer genes. The
encoder, which only provides a start, takes a missing gene as average.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from ._batches import fit_batches
from ._compat import REGISTRY_KEYS, SCVI_UUID_KEY
from ._unmeasured import without

if TYPE_CHECKING:
    from anndata import AnnData

    from ._model import ProgramVAE

# axis of the genes, by the name of the parameter or buffer
GENE_AXIS = {
    "px_r": 0,
    "decoder.unannotated": 1,
    "decoder.free_support": 1,
    "decoder.continuous": 1,
    "decoder.zero_logits": 0,
    "z_encoder.mean": 0,
    "z_encoder.sd": 0,
    "z_encoder.unannotated": 1,
    "z_encoder.context.0.weight": 1,
}
OF_EDGES = ("decoder.loadings", "z_encoder.readout")
TABLE, BATCH_SHIFT = "decoder.categorical.", "z_encoder.batch_shift"


@torch.no_grad()
def mapped_model(
    reference: ProgramVAE, adata: AnnData, genes: np.ndarray, batch_key: str | None, *, layer: str | None = None
) -> ProgramVAE:
    """Return a model of the reference's programs on a query, without training.

    New batches get intercepts from their counts, see :func:`fit_batches`.

    Parameters
    ----------
    reference
        A trained model.
    adata
        The query, with some genes of the reference in the reference's order. It becomes the data of the new model.
    genes
        Positions of these genes in the reference.
    batch_key
        Column of ``adata.obs`` with batches; those that have a name of the reference's batches are taken for these.
    layer
        Layer of ``adata`` with the counts; ``None`` for ``X``.
    """
    setup = reference.registry["setup_args"] | {"batch_key": batch_key, "labels_key": None, "layer": layer}
    with warnings.catch_warnings():
        # of genes without counts, which are usual in a few cells
        warnings.simplefilter("ignore", UserWarning)
        type(reference).setup_anndata(adata, **setup)
    arguments = reference.init_params_["non_kwargs"] | {"prior": reference._prior.on_genes(genes).to_dict()}
    model = type(reference)(adata, **arguments)
    # this store would keep the data as long as the process runs
    model._setup_adata_manager_store.pop(adata.uns[SCVI_UUID_KEY], None)
    state = _state(reference, model, torch.as_tensor(genes))
    model.module.load_state_dict(state)
    is_missing = np.ones(reference._prior.n_genes, dtype=bool)
    is_missing[genes] = False
    lost = without(reference.module, is_missing).lost
    measured = 1 - lost if reference.measured_weight is None else (1 - lost) * reference.measured_weight
    model.mapped_ = {
        "totals": reference._total_matrix().cpu().numpy(),
        "measured": np.clip(measured, 0, 1),
        "free_names": reference.free_names,
    }
    model.is_trained_ = True
    model.module.eval()
    model.to_device(reference.device)
    model.mapped_["shift"] = fit_batches(model, np.flatnonzero(category_rows(reference, model) < 0))
    return model


def _state(reference: ProgramVAE, model: ProgramVAE, genes: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the parameters of the model of a query."""
    before = {name: value.cpu() for name, value in reference.module.state_dict().items()}
    on_these = torch.isin(before["decoder.edges.gene"], genes)
    rows = [category_rows(reference, model, which) for which in range(len(reference.module.decoder.categorical))]
    state = {}
    for name, value in before.items():
        if name in OF_EDGES:
            state[name] = value[on_these]
        elif name.startswith(TABLE):
            state[name] = _rows_of(value[:, genes], rows[int(name.removeprefix(TABLE))])
        elif name == BATCH_SHIFT:
            state[name] = _rows_of(value, rows[0])
        elif name in GENE_AXIS:
            state[name] = value.index_select(GENE_AXIS[name], genes)
        else:
            state[name] = value
    if before["px_r"].ndim == 2:
        state["px_r"] = _rows_of(state["px_r"].T, rows[0]).T
    own = model.module.state_dict()
    # edges of the new model were built by itself
    state |= {name: value for name, value in own.items() if ".edges." in name}
    share = torch.expm1(before["z_encoder.mean"])
    state["z_encoder.share"] = before["z_encoder.share"] * share[genes].sum() / share.sum()
    if "z_encoder.context.0.weight" in state:
        # the network divides by the square root of the number of genes
        state["z_encoder.context.0.weight"] = state["z_encoder.context.0.weight"] * (len(genes) / len(share)) ** 0.5
    return state


def category_rows(reference: ProgramVAE, model: ProgramVAE, which: int = 0) -> np.ndarray:
    """Return the row in the reference's table of each category of a query; -1 for new ones.

    ``which`` is 0 for batches, and else the number of the categorical covariate.
    """
    known, names = (_categories(one, which) for one in (reference, model))
    if which == 0 and model.registry["setup_args"]["batch_key"] is None:
        return np.full(len(names), -1)
    return pd.Index(known).get_indexer(names)


def _categories(model: ProgramVAE, which: int) -> list[str]:
    """Return the categories of batches, or of a categorical covariate."""
    fields = model.registry["field_registries"]
    if which:
        key = model.registry["setup_args"]["categorical_covariate_keys"][which - 1]
        return [str(name) for name in fields[REGISTRY_KEYS.CAT_COVS_KEY]["state_registry"]["mappings"][key]]
    return [str(name) for name in fields[REGISTRY_KEYS.BATCH_KEY]["state_registry"]["categorical_mapping"]]


def _rows_of(table: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
    """Return rows of a table, and its mean for those that are -1."""
    index = torch.as_tensor(rows)
    return torch.where(index[:, None] >= 0, table[index.clamp(min=0)], table.mean(0))
