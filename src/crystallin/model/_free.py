"""Free programs of a model: which programs they leave alone, and their start from the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystallin import nn as blocks

from ._compat import REGISTRY_KEYS

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._module import ProgramModule

# value of n_unannotated with which the data choose the number
AUTO = "auto"
# column of the table of programs that says which are awake
AWAKE = "awake"
# largest number of values, cells x genes, from which free programs start; more do not improve the start
MAX_VALUES = 30_000_000


def protected_programs(prior: Prior) -> np.ndarray:
    """Return the programs to which free ones are kept orthogonal: those that are awake, or all if that is not known."""
    table = prior.table or {}
    if AWAKE not in table:
        return np.ones(prior.n_programs, dtype=bool)
    return np.asarray(table[AWAKE]).astype(str) == "True"


@torch.no_grad()
def start_free(
    module: ProgramModule,
    minibatches: Iterable[dict[str, torch.Tensor]],
    total_of: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Initialise free programs from what the others leave over, at their own start."""
    decoder, encoder = module.decoder, module.z_encoder
    for parameter in (decoder.unannotated, encoder.unannotated, encoder.log_var[module.n_programs :]):
        parameter.zero_()
    leftovers: list[blocks.Leftover] = []
    weight, average, n_values = decoder.weight().detach(), None, 0
    for tensors in minibatches:
        cells, mean = module.posterior_start(tensors)
        if average is None:
            average = blocks.AverageCell.of(cells.evaluate(mean, weight).information)
        point = blocks.refine(cells, mean, weight, average.covariance)
        _, score, information = cells.counts_at(point.z, weight)
        standardised = encoder.standardise(blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY].to(module.device)))
        leftovers.append(blocks.Leftover(score, information.of_counts, standardised))
        n_values += score.numel()
        if n_values >= MAX_VALUES:
            break
    start = blocks.free_start(leftovers, len(decoder.unannotated), auto=module.chooses_free, total_of=total_of)
    decoder.unannotated.copy_(start.loadings)
    decoder.free_support.copy_(start.loadings != 0)
    encoder.unannotated.copy_(start.readout)
    encoder.log_var[module.n_programs :] = start.log_var
