"""Models of a query with further programs, while all that its reference learned stays as it is, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from crystallin import nn as blocks
from crystallin.nn import total_gene_weights, total_matrix

from ._compat import REGISTRY_KEYS, SCVI_UUID_KEY
from ._fixed import FREE_ROWS, LOG_VAR, LOG_VAR_DEPTH, Fixed, only_new
from ._free import MAX_VALUES, name_free
from ._mapped import BATCH_SHIFT, OF_EDGES, mapped_model
from ._refit import SETTLING
from ._session import evenly
from ._settings import check_training
from ._surgery import train_new_rows_only

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from crystallin.programs import Prior

    from ._model import ProgramVAE
    from ._session import Reading

PROTECTED = "decoder.protected"


@dataclass(frozen=True)
class NewPrograms:
    """Programs to add.

    Attributes
    ----------
    prior
        Their prior on the genes of the model of the query.
    table
        Table of all programs of the extended model, those of the reference first, without names.
    """

    prior: Prior
    table: pd.DataFrame


@dataclass(frozen=True)
class Start:
    """Initial values of new latent dimensions, which are either programs (with edges) or free programs (with rows)."""

    loadings: torch.Tensor
    readout: torch.Tensor
    free_loadings: torch.Tensor
    free_readout: torch.Tensor
    log_var: torch.Tensor
    # batches x dimensions
    shift: torch.Tensor


@dataclass(frozen=True)
class Residuals:
    """What a model leaves over in cells of the query, by minibatch, and means of standardised genes by batch."""

    parts: list[blocks.Leftover]
    mean: torch.Tensor

    @property
    def information(self) -> torch.Tensor:
        """Sum over cells of the information of counts about their log rates, for each gene."""
        return torch.stack([part.information.sum(1) for part in self.parts]).sum(0)

    def shift(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the shifts of batches with which read-outs, dimensions x genes, have mean 0, batches x dimensions."""
        return -(weight @ self.mean).T


def extended_model(
    reference: ProgramVAE,
    adata: AnnData,
    genes: np.ndarray,
    *,
    programs: NewPrograms | None,
    n_unannotated: int | str,
    batch_key: str | None,
    random_state: int,
    train_kwargs: dict[str, Any],
) -> ProgramVAE:
    """Return a model of a query with the reference's programs and further ones, which are trained on the query.

    Parameters
    ----------
    reference, adata, genes, batch_key
        As in :func:`mapped_model`.
    programs
        Programs to add; ``None`` adds free programs only.
    n_unannotated
        Number of free programs to add, or ``"auto"``. They start from what all other programs leave over.
    random_state
        Seed of the new model.
    train_kwargs
        Arguments of :meth:`ProgramVAE.train`.
    """
    model = mapped_model(reference, adata, genes, batch_key)
    residuals = _residuals(model)
    fixed = Fixed.of(reference, model, residuals.information)
    if programs is not None:
        start = _start_programs(model, residuals, programs.prior)
        model = _grown(model, _joined(model._prior, programs), start, random_state)
        _train(model, fixed, train_kwargs)
    if n_unannotated:
        start = _start_free(residuals if programs is None else _residuals(model), n_unannotated)
        if len(start.log_var):
            model = _grown(model, model._prior, start, random_state)
            _train(model, fixed, train_kwargs)
    _describe(model, reference, genes, fixed)
    # no training afterwards, also if the model is saved and loaded, changes the reference's programs
    model.n_reference_ = [len(table) for table in model.module.decoder.categorical]
    train_new_rows_only(model.module, model.n_reference_)
    return model


def _joined(prior: Prior, programs: NewPrograms) -> Prior:
    """Return the prior with further programs at its end."""
    new = programs.prior
    joined = replace(
        prior,
        programs=np.concatenate([prior.programs, new.programs]),
        is_decoy=np.concatenate([prior.is_decoy, new.is_decoy]),
        gene=np.concatenate([prior.gene, new.gene]),
        program=np.concatenate([prior.program, new.program + prior.n_programs]),
        weight=np.concatenate([prior.weight, new.weight]),
        added=None if prior.added is None else np.concatenate([prior.added, np.zeros(len(new.gene), dtype=bool)]),
    )
    return joined.with_table(programs.table)


@torch.no_grad()
def _residuals(model: ProgramVAE) -> Residuals:
    """Return what the model leaves over in cells spread evenly over its data."""
    module, device = model.module, model.device
    reading, positions = _some_cells(model)
    weight, average = module.decoder.weight().detach(), module.average_cell(reading.sample(positions))
    found, batches = [], []
    for tensors in reading.minibatches(positions):
        cells, mean = module.posterior_start(tensors)
        point = blocks.refine(cells, mean, weight, average.covariance)
        _, score, information = cells.counts_at(point.z, weight)
        standardised = module.z_encoder.standardise(blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY].to(device)))
        found.append(blocks.Leftover(score, information.of_counts, standardised))
        batches.append(tensors[REGISTRY_KEYS.BATCH_KEY].reshape(-1).long().to(device))
    n_batch = len(module.decoder.categorical[0])
    total = torch.zeros(module.decoder.n_genes, n_batch, device=device)
    for part, batch in zip(found, batches, strict=True):
        total.index_add_(1, batch, part.standardised)
    mean = total / torch.cat(batches).bincount(minlength=n_batch).clamp(min=1)
    # the encoder standardises by the reference's cells, and cells of the query are compared with each other here
    parts = [
        replace(part, standardised=part.standardised - mean[:, batch])
        for part, batch in zip(found, batches, strict=True)
    ]
    return Residuals(parts, mean)


def _some_cells(model: ProgramVAE) -> tuple[Reading, np.ndarray]:
    """Return the data, and positions of as many cells, spread evenly over them, as programs start from."""
    reading = model.reading()
    return reading, evenly(np.arange(reading.adata.n_obs), max(MAX_VALUES // len(model.genes), 1))


def _moments(model: ProgramVAE) -> blocks.GeneMoments:
    """Return moments of genes over these cells."""
    module = model.module
    reading, positions = _some_cells(model)

    def minibatches() -> Iterator[tuple[blocks.SparseCounts, torch.Tensor, torch.Tensor]]:
        for tensors in reading.minibatches(positions):
            tensors = {key: value.to(module.device) for key, value in tensors.items()}
            counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY])
            yield counts, tensors[REGISTRY_KEYS.BATCH_KEY], module._depth(tensors, counts)

    n_batch, n_genes = module.decoder.categorical[0].shape
    return blocks.gene_moments(minibatches(), n_batch=n_batch, n_genes=n_genes, device=module.device)


@torch.no_grad()
def _start_programs(model: ProgramVAE, residuals: Residuals, prior: Prior) -> Start:
    """Return the start of programs: how much their members go together in what the model leaves over."""
    gene, program, sign = (torch.as_tensor(part) for part in (prior.gene, prior.program, np.sign(prior.weight)))
    edges = blocks.Edges(gene, program, sign, n_genes=prior.n_genes, n_programs=prior.n_programs).to(model.device)
    correlation = edges.sign
    for _ in range(2):
        weight = edges.project_signs(correlation)
        correlation = blocks.member_correlations((part.residuals for part in residuals.parts), weight, edges)
    start = blocks.starting_point(correlation, edges, _moments(model))
    none = residuals.mean.new_zeros(0, edges.shape[1])
    shift = residuals.shift(edges.dense(start.readout))
    return Start(start.loadings, start.readout, none, none, start.log_var, shift)


@torch.no_grad()
def _start_free(residuals: Residuals, n_unannotated: int | str) -> Start:
    """Return the start of free programs, as in :func:`crystallin.model._free.start_free`."""
    n_dimensions = blocks.n_free_dimensions(n_unannotated)
    start = blocks.free_start(residuals.parts, n_dimensions, auto=n_unannotated == blocks.AUTO)
    used = start.loadings.any(1)
    loadings, readout, log_var = (values[used] for values in (start.loadings, start.readout, start.log_var))
    none = log_var.new_zeros(0)
    return Start(none, none, loadings, readout, log_var, residuals.shift(readout))


@torch.no_grad()
def _grown(model: ProgramVAE, prior: Prior, start: Start, random_state: int) -> ProgramVAE:
    """Return a model of the same data with new latent dimensions."""
    n_unannotated = model.module.decoder.n_free + len(start.free_loadings)
    new = model._built_like(prior, n_unannotated=n_unannotated, random_state=random_state)
    # this store would keep the data as long as the process runs
    new._setup_adata_manager_store.pop(model.adata.uns[SCVI_UUID_KEY], None)
    new.module.load_state_dict(_state(model, new, start))
    new.mapped_, new.is_trained_ = model.mapped_, True
    new.to_device(model.device)
    return new


def _state(model: ProgramVAE, new: ProgramVAE, start: Start) -> dict[str, torch.Tensor]:
    """Return the parameters of the grown model."""
    before = {name: value.cpu() for name, value in model.module.state_dict().items()}
    state = new.module.state_dict()
    state |= {name: value for name, value in before.items() if ".edges." not in name and name != PROTECTED}
    n_programs, used = model._prior.n_programs, model.module.decoder.n_free
    # programs and the free programs in use; other dimensions are left out
    old = torch.arange(n_programs + used)
    kept = torch.cat([old[:n_programs], new._prior.n_programs + old[:used]])
    is_new = torch.ones(new.module.n_latent, dtype=torch.bool)
    is_new[kept] = False
    for name, values in zip(OF_EDGES, (start.loadings, start.readout), strict=True):
        state[name] = torch.cat([before[name], values.cpu()])
    rows = (start.free_loadings, start.free_loadings != 0, start.free_readout)
    for name, values in zip(FREE_ROWS, rows, strict=True):
        if name in state:
            first = before[name][:used] if name in before else values[:0].cpu()
            state[name] = torch.cat([first, values.cpu()])

    def placed(name: str, values: torch.Tensor | float = 0.0) -> torch.Tensor:
        """Return values of the last axis at their new positions."""
        placed = before[name].new_zeros(*before[name].shape[:-1], len(is_new))
        placed[..., kept], placed[..., is_new] = before[name][..., old], values
        return placed

    state[BATCH_SHIFT] = placed(BATCH_SHIFT, start.shift.cpu())
    state[LOG_VAR] = placed(LOG_VAR, start.log_var.cpu())
    state[LOG_VAR_DEPTH] = placed(LOG_VAR_DEPTH)
    if model.module.z_encoder.context is not None:
        # means and log variances; the network leaves new dimensions to their own genes
        last = f"z_encoder.context.{len(model.module.z_encoder.context) - 1}"
        for name in (f"{last}.weight", f"{last}.bias"):
            halves = before[name].chunk(2)
            grown = [half.new_zeros(len(is_new), *half.shape[1:]).index_copy(0, kept, half[old]) for half in halves]
            state[name] = torch.cat(grown)
    return state


def _train(model: ProgramVAE, fixed: Fixed, train_kwargs: dict[str, Any]) -> None:
    """Train what does not belong to the reference, as in :meth:`ProgramVAE.refitted`."""
    given = train_kwargs.get("callbacks")
    callbacks = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
    usual = {name: value for name, value in train_kwargs.items() if name != "max_epochs"}
    n_epochs = check_training(model.adata.n_obs, 0, **usual).posterior_epochs
    with only_new(model.module, fixed) as keep:
        model.train(**(SETTLING | {"posterior_epochs": n_epochs} | train_kwargs | {"callbacks": [keep, *callbacks]}))


@torch.no_grad()
def _describe(model: ProgramVAE, reference: ProgramVAE, genes: np.ndarray, fixed: Fixed) -> None:
    """Write what the mapped model kept of its reference for the extended one."""
    before, module = model.mapped_, model.module
    weight, n_free = module.decoder.weight().detach(), fixed.n_free
    n_programs, n_all = fixed.n_programs, module.n_programs
    totals = total_matrix(weight, model._information()).cpu()
    # totals of the reference's programs keep their weights, and new programs add to them through the genes they share
    of_genes = total_gene_weights(reference.module.decoder.weight().detach(), reference._information())
    totals[:n_programs] = of_genes[:, genes].cpu() @ weight.dense().T.cpu()
    totals[:n_programs, :n_programs] = torch.as_tensor(before["totals"][:, :n_programs])
    kept = before["totals"][:, n_programs : n_programs + n_free]
    totals[:n_programs, n_all : n_all + n_free] = torch.as_tensor(kept)
    model.mapped_ = {
        "totals": totals.numpy(),
        "measured": np.concatenate([before["measured"], np.ones(n_all - n_programs)]),
        "free_names": np.concatenate([before["free_names"], name_free(module, model.genes)[n_free:]]),
        "shift": before["shift"],
    }
