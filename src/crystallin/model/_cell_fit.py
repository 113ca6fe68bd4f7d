"""How well the model fits each cell, and where the cell lies among programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystallin import nn as blocks

from ._seeding import seeded
from ._unmeasured import typical_information, typical_share

if TYPE_CHECKING:
    from ._model import ProgramVAE
    from ._session import Reading


@dataclass(frozen=True)
class CellFit:
    """Activities of cells, and the deviance of their counts given these.

    Attributes
    ----------
    activity
        Posterior means of programs and free programs, cells x dimensions.
    excess
        Deviance minus its expectation, in standard deviations that it has if the model is true, one value for each
        cell.
    observed, expected
        Sum over cells of each gene's deviance, and of its expectation.
    depth
        Sum of the counts of each cell.
    """

    activity: np.ndarray
    excess: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    depth: np.ndarray


@torch.no_grad()
def cell_fit(
    model: ProgramVAE, reading: Reading, cells: np.ndarray | None = None, ratio: np.ndarray | None = None
) -> CellFit:
    """Compute activities and deviances of cells.

    Parameters
    ----------
    model
        A trained model.
    reading
        Data read by the model.
    cells
        Positions of the cells; ``None`` takes all.
    ratio
        Deviance that is expected of each gene, as a multiple of that under the model; ``None`` stands for 1.
    """
    positions = reading.positions(cells)
    module, n_used = model.module, model._prior.n_programs + model.module.decoder.n_free
    factor = torch.ones(module.decoder.n_genes) if ratio is None else torch.as_tensor(ratio, dtype=torch.float32)
    factor = factor.to(model.device)
    activity, excess, depth = [], [], []
    observed, expected = (torch.zeros(module.decoder.n_genes, device=model.device) for _ in range(2))
    with seeded(model._random_state):
        weight, average = module.decoder.weight(), module.average_cell(reading.sample(positions))
        for tensors in reading.minibatches(positions):
            counts, mean = module.posterior_start(tensors)
            z = blocks.refine(counts, mean, weight, average.covariance).z
            of_counts = blocks.deviance(counts.counts, counts.log_mean(z, weight), counts.likelihood.theta)
            beyond = of_counts.observed.sum(0) - factor @ of_counts.expected
            activity.append(z[:n_used].T.cpu().numpy())
            excess.append((beyond / of_counts.variance.sum(0).sqrt()).cpu().numpy())
            depth.append(counts.counts.sum(0).cpu().numpy())
            observed += of_counts.observed.sum(1)
            expected += of_counts.expected.sum(1)
    return CellFit(
        np.concatenate(activity).astype(float),
        np.concatenate(excess).astype(float),
        observed.cpu().double().numpy(),
        expected.cpu().double().numpy(),
        np.concatenate(depth).astype(float),
    )


@torch.no_grad()
def typical_precision(model: ProgramVAE, depth: float) -> np.ndarray:
    """Return the information of the counts of a typical cell of this depth about its activities, without the prior."""
    n_used = model._prior.n_programs + model.module.decoder.n_free
    weight = model.module.decoder.weight().dense()[:n_used].cpu().double().numpy()
    information = typical_information(model.module, depth)
    if model.module.decoder.normalised:
        share = typical_share(model.module)
        weight = weight - (weight @ share / max(share.sum(), 1e-12))[:, None]
    return (weight * information) @ weight.T
