"""Means over some of the cells, for attributions of single cells that have no cheap stand-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from crystallin._progress import shown_if_long

from ._sampled import LEAST, MIN_BATCHES, Moments, excess, in_batches
from ._session import Reading


def subsample(
    source: Reading,
    groups: list[np.ndarray],
    tolerance: float,
    summed: Callable[[dict[str, torch.Tensor], Any], torch.Tensor],
    average_of: Callable[[np.ndarray], Any],
    rng: np.random.Generator,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the means of groups over as many random cells as necessary, and their standard errors.

    Parameters
    ----------
    source
        Checked data.
    groups
        Positions of the cells of each group.
    tolerance
        Standard error to reach, as a share of the largest mean of each wanted dimension.
    summed
        Function that returns the sum over a minibatch, wanted x genes.
    average_of
        Function that returns the average of some cells, as ``summed`` needs it.
    rng
        Source of randomness.

    Returns
    -------
    Mean and standard error of each group, wanted x genes; errors are 0 where all cells were used.
    """
    found = []
    for cells in groups:
        batches = in_batches(rng.permutation(cells))
        moments, n_used, average = Moments(), 0, average_of(cells)
        minibatches = shown_if_long(source.each(batches), "Attributions", total=len(batches))
        for batch, tensors in zip(batches, minibatches, strict=True):
            moments.add(summed(tensors, average).cpu().double() / len(batch), len(batch))
            n_used += len(batch)
            # a part of a finite number of cells
            variance = moments.variance_of_mean * (1 - n_used / len(cells))
            enough = tolerance * moments.mean.abs().amax(1).clamp(min=LEAST)
            if moments.n >= MIN_BATCHES and excess(variance, enough) <= 1:
                break
        se = variance.sqrt() if n_used < len(cells) else torch.zeros_like(moments.mean)
        found.append((moments.mean.numpy(), se.numpy()))
    return found
