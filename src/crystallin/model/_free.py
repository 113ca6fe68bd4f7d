"""Free programs of a model: which programs they leave alone, and their start from the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin import nn as blocks
from crystallin._keys import AWAKE
from crystallin.programs import listed

from ._compat import REGISTRY_KEYS
from ._unmeasured import typical_information

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._module import ProgramModule

# number of genes in a free program's name
N_NAMED = 3
# largest number of values, cells x genes, from which free programs start; more do not improve the start
MAX_VALUES = 30_000_000


def check_free(n_unannotated: int | str) -> None:
    """Raise unless this is a number of free programs or ``"auto"``."""
    if isinstance(n_unannotated, str) and n_unannotated != blocks.AUTO:
        msg = f'n_unannotated={n_unannotated!r} must be "auto" or a whole number of free programs, such as 10.'
        raise ValueError(msg)
    if n_unannotated != blocks.AUTO:
        checks.check_int(n_unannotated, "n_unannotated", 0)


def protected_programs(prior: Prior) -> np.ndarray:
    """Return the programs to which free ones are kept orthogonal: those that are awake, or all if that is not known."""
    table = prior.table or {}
    if AWAKE not in table:
        return np.ones(prior.n_programs, dtype=bool)
    return np.asarray(table[AWAKE]).astype(str) == "True"


@torch.no_grad()
def genes_of_free(module: ProgramModule, genes: np.ndarray) -> list[pd.Series]:
    """Return the loadings of each free program in use, by gene, the most typical genes first."""
    loadings = module.decoder.unannotated[: module.decoder.n_free].cpu()
    information = torch.as_tensor(typical_information(module), dtype=loadings.dtype)
    order = blocks.typicality(loadings, information).argsort(dim=1, descending=True)
    found = [pd.Series(row[best].numpy(), genes[best.numpy()]) for row, best in zip(loadings, order, strict=True)]
    return [values[values != 0] for values in found]


def name_free(module: ProgramModule, genes: np.ndarray) -> np.ndarray:
    """Return names of the free programs in use, each with the genes that are most typical of it."""
    found = genes_of_free(module, genes)
    return np.array([f"free {i} ({listed(values[:N_NAMED])})" for i, values in enumerate(found, 1)], dtype=str)


@torch.no_grad()
def silence_free(module: ProgramModule) -> None:
    """Leave free programs without loadings, read-outs and genes."""
    decoder, encoder, first = module.decoder, module.z_encoder, module.n_programs
    of_encoder = (encoder.unannotated, encoder.log_var[first:], encoder.batch_shift[:, first:])
    for values in (decoder.unannotated, decoder.free_support, *of_encoder):
        values.zero_()


@torch.no_grad()
def start_free(
    module: ProgramModule,
    minibatches: Iterable[dict[str, torch.Tensor]],
    total_of: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Initialise free programs from what the others, which have been fitted, leave over."""
    decoder, encoder = module.decoder, module.z_encoder
    silence_free(module)
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
