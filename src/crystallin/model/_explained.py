"""Minibatches of cells as attribution methods use them: input, baseline, and attributions of each target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from crystallin import nn as blocks
from crystallin.nn import ATTRIBUTION_METHODS

from ._compat import REGISTRY_KEYS
from ._module import ProgramModule

# returns the average cell, which is computed on the first call
Average = Callable[[], blocks.AverageCell]
# memory for the attributions of one chunk of cells; a few chunks exist at a time
CHUNK_BYTES = 2**26
# Newton decrement at which the mode of changed cells has converged
CHANGED_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Question:
    """What to explain, and in comparison with which baseline.

    Attributes
    ----------
    module
        The module, in evaluation mode.
    wanted
        Latent dimensions to explain, or combinations of them (see ``rows_of``).
    profiles
        Baselines, genes x baselines, of any depth; ``None`` stands for the mean cell.
    """

    module: ProgramModule
    wanted: torch.Tensor
    profiles: torch.Tensor | None

    @cached_property
    def weight(self) -> blocks.Weight:
        """Loadings."""
        return self.module.decoder.weight().detach()

    @cached_property
    def shared(self) -> blocks.SharedGenes:
        """Genes that programs share."""
        return blocks.shared_genes(self.weight.dense())

    def baselines(self, cells: blocks.Cells) -> list[torch.Tensor]:
        """Counts that some cells are compared with, genes x cells for each baseline."""
        if self.profiles is None:
            nothing = cells.counts.new_zeros(len(self.weight), 1)
            return [cells.log_mean(nothing, self.weight).exp().expand_as(cells.counts)]
        total = cells.counts.sum(0)
        # a profile without expression has no counts
        shares = self.profiles / self.profiles.sum(0).clamp(min=torch.finfo(total.dtype).tiny)
        return [share[:, None] * total for share in shares.T]

    @cached_property
    def reader(self) -> blocks.Reader | blocks.DeepReader:
        """Encoder's mean as a function of genes, for what is to be explained."""
        return self.module.z_encoder.reader().only(self.wanted)


class EncoderCells:
    """Attributions of the encoder's mean, as a function of standardised expression.

    Without profiles, cells are compared with the mean log-normalised expression of the training cells.
    """

    def __init__(self, question: Question, tensors: dict[str, Any], average: Average) -> None:
        encoder, device = question.module.z_encoder, question.module.device
        self.reader, self.wanted = question.reader, question.wanted
        self.counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY].to(device))
        self.batch = tensors[REGISTRY_KEYS.BATCH_KEY].to(device)
        self.encoder, self.x = encoder, encoder.standardise(self.counts)
        if question.profiles is None:
            self.baseline = self.x.new_zeros(len(self.x), 1)
        else:
            self.baseline = encoder.standardise(blocks.SparseCounts.of(question.profiles.T))

    def total(self, method: str) -> torch.Tensor:
        """Attributions summed over the cells, wanted x genes."""
        return blocks.attribute(self.reader, self.x, self.baseline, method)

    def each(self, method: str) -> Iterator[torch.Tensor]:
        """Attributions of single cells, cells x wanted x genes, for successive cells."""
        for cell in self.x.T:
            yield blocks.attribute(self.reader, cell[:, None], self.baseline, method)[None]

    def value(self, replaced: torch.Tensor) -> torch.Tensor:
        """Return the encoder's mean, wanted x cells, with ``replaced`` genes at the baseline's expression."""
        change = self.reader(torch.where(replaced[:, None], self.baseline, self.x)) - self.reader(self.x)
        return blocks.rows_of(self._mean, self.wanted) + change

    @cached_property
    def _mean(self) -> torch.Tensor:
        """Encoder's mean, latent x cells, including the effect of the batch."""
        return self.encoder.posterior(self.counts, self.batch)[0]


class ActivityCells:
    """Attributions of the refined activity, as a function of counts at the cell's depth.

    Without profiles, each cell is compared with the expression that the model expects if all activities are 0, in the
    same batch, with the same covariates and depth. The activity of this baseline is 0.
    """

    def __init__(self, question: Question, tensors: dict[str, Any], average: Average) -> None:
        self.weight, self.shared, self.wanted = question.weight, question.shared, question.wanted
        self.preconditioner = average().covariance
        self.cells, start = question.module.posterior_start(tensors)
        self.point = blocks.precise_mode(self.cells, start, self.weight, self.preconditioner)
        self.baselines = question.baselines(self.cells)

    def total(self, method: str) -> torch.Tensor:
        """Attributions summed over the cells, wanted x genes."""
        return sum(pull.total(self.shared, self.wanted, self.preconditioner) for pull in self._pulls(method))

    def each(self, method: str) -> Iterator[torch.Tensor]:
        """Attributions of single cells, cells x wanted x genes, for successive cells."""
        n_genes, n_cells = self.cells.counts.shape
        size = max(1, CHUNK_BYTES // (4 * len(self.wanted) * n_genes))
        for index in torch.arange(n_cells, device=self.point.z.device).split(size):
            each = self.point.z.new_zeros(len(index), len(self.wanted), n_genes)
            for pull in self._pulls(method, index):
                pull.add_to(each, self.shared, self.wanted)
            yield each

    def value(self, replaced: torch.Tensor) -> torch.Tensor:
        """Return the refined activity, wanted x cells, with ``replaced`` genes at the baseline's counts."""
        counts = torch.where(replaced[:, None], self.baselines[0], self.cells.counts)
        # the new mode is near the old one, and needs no high precision
        changed = replace(self.cells, counts=counts)
        point = blocks.refine(changed, self.point.z, self.weight, self.preconditioner, tolerance=CHANGED_TOLERANCE)
        return blocks.rows_of(point.z, self.wanted)

    def _pulls(self, method: str, index: torch.Tensor | None = None) -> Iterator[blocks.Pull]:
        cells, point = self.cells, self.point
        if index is not None:
            cells, point = cells[index], point[index]
        for baseline in self.baselines:
            here = baseline if index is None else baseline[:, index]
            pulls = ATTRIBUTION_METHODS[method].activity(cells, point, self.weight, self.preconditioner, here)
            yield from (pull * (1 / len(self.baselines)) for pull in pulls)


TARGETS = {"activity": ActivityCells, "encoder": EncoderCells}
