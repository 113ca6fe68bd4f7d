"""Attributions of the encoder's mean to genes, exact for one hidden ReLU layer.

The encoder's mean is ``skip @ x + last @ relu(first @ x + bias)`` plus terms that do not depend on the genes ``x``. The
methods below sum over any number of cells without a cells x programs x genes tensor:

    skip * sum of (x - baseline)  +  last @ (hidden x genes terms, summed over cells)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ._rows import rows_of

# if a hidden unit's input changes by less than this, its slope is taken at the end of the path instead of averaged
MIN_CHANGE = 1e-6


@dataclass(frozen=True)
class Reader:
    """The part of an encoder's mean that depends on the genes.

    Attributes
    ----------
    skip
        Linear weights, latent x genes.
    first, bias
        Input weights of the hidden units, hidden x genes, and their biases.
    last
        Output weights of the hidden units, latent x hidden.
    """

    skip: torch.Tensor
    first: torch.Tensor
    bias: torch.Tensor
    last: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return latent x cells, from genes x cells."""
        return self.skip @ x + self.last @ self.hidden(x).relu()

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input of the hidden units, hidden x cells."""
        return self.first @ x + self.bias[:, None]

    def only(self, wanted: torch.Tensor) -> Reader:
        """Return the part for some of the latent dimensions, or for combinations of them (see ``rows_of``)."""
        return Reader(rows_of(self.skip, wanted), self.first, self.bias, rows_of(self.last, wanted))


def integrated_gradients(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Average the gradient along the straight path from the baseline, times the difference; exact, without steps.

    Along the path a hidden unit's input is linear, so its mean slope is the change of its output divided by that of its
    input. The attributions sum to the change of the output (Sundararajan et al. 2017, ICML, 3319). For one hidden layer
    this is also DeepLIFT's rescale rule (Shrikumar et al. 2017, ICML, 3145). The method assumes that the path leads
    through plausible cells.
    """
    here, there = reader.hidden(x), reader.hidden(baseline)
    change = here - there
    small = change.abs() < MIN_CHANGE
    slope = torch.where(small, (here > 0).to(x.dtype), (here.relu() - there.relu()) / change.where(~small, 1))
    return _with_slopes(reader, slope, x - baseline)


def expected_gradients(reader: Reader, x: torch.Tensor, baselines: torch.Tensor) -> torch.Tensor:
    """Average integrated gradients over baselines that are cells, the columns of ``baselines``.

    SHAP's GradientExplainer (Erion et al. 2021, Nat Mach Intell 3:620) samples what is computed exactly here for each
    baseline. The attributions sum to the difference from the mean output of the baselines. The method assumes that the
    baseline cells represent those that one wants to compare with.
    """
    return _mean_over(integrated_gradients, reader, x, baselines)


def gradient_input(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Multiply the gradient at the cell by the difference from the baseline, as if the output were linear.

    The attributions do not sum to the change of the output if hidden units turn on or off along the way (Shrikumar et
    al. 2016, arXiv:1605.01713).
    """
    slope = (reader.hidden(x) > 0).to(x.dtype)
    return _with_slopes(reader, slope, x - baseline)


def ablation(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Compute the change of the output if one gene alone is set to its baseline, an in-silico knock-out.

    Joint effects of genes are counted once for each of them, or not at all, so the attributions do not sum to the
    change of the output.
    """
    here = reader.hidden(x)
    terms = torch.zeros_like(reader.first)
    for cell, difference in zip(here.T, (x - baseline).T, strict=True):
        terms += cell.relu()[:, None] - (cell[:, None] - reader.first * difference).relu()
    return reader.skip * (x - baseline).sum(1) + reader.last @ terms


def permutation(reader: Reader, x: torch.Tensor, baselines: torch.Tensor) -> torch.Tensor:
    """Compute the change of the output if one gene has its value from another cell, averaged over ``baselines``.

    This is the permutation importance (Breiman 2001, Mach Learn 45:5) of single cells, with its sign. The method
    assumes that a gene can change while the others stay the same, which is not true for correlated genes.
    """
    return _mean_over(ablation, reader, x, baselines)


def _with_slopes(reader: Reader, slope: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """Compute attributions from a slope for each hidden unit and cell, summed over cells."""
    return reader.skip * difference.sum(1) + reader.last @ (reader.first * (slope @ difference.T))


def _mean_over(
    method: Callable[[Reader, torch.Tensor, torch.Tensor], torch.Tensor],
    reader: Reader,
    x: torch.Tensor,
    baselines: torch.Tensor,
) -> torch.Tensor:
    total = torch.zeros_like(reader.skip)
    for baseline in baselines.T:
        total += method(reader, x, baseline[:, None])
    return total / baselines.shape[1]
