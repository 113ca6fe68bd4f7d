"""Which genes the encoder reads a program from: exact attributions for one hidden ReLU layer.

The encoder's mean is ``skip @ x + last @ relu(first @ x + bias)`` plus what does not depend on the genes ``x``. Every
method below has the same form, summed over any number of cells without a cells x programs x genes tensor:

    skip * sum of (x - baseline)  +  last @ (hidden x genes terms, summed over cells)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

# change of a hidden unit's input below which its slope is taken at the end instead of over the path
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
        """Latent x cells, from genes x cells."""
        return self.skip @ x + self.last @ self.hidden(x).relu()

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Input of the hidden units, hidden x cells."""
        return self.first @ x + self.bias[:, None]


def attribute(reader: Reader, x: torch.Tensor, baseline: torch.Tensor, method: str) -> torch.Tensor:
    """Attributions of the encoder's mean to genes, latent x genes, summed over cells.

    Parameters
    ----------
    reader
        The encoder.
    x
        Standardised expression, genes x cells.
    baseline
        What it is compared with, genes x 1 or genes x cells.
    method
        One of ``METHODS``.
    """
    terms = METHODS[method](reader, x, baseline)
    return reader.skip * (x - baseline).sum(1) + reader.last @ terms


def integrated_gradients(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Gradient averaged along the straight path from the baseline, times the difference; exact, without steps.

    Along the path a hidden unit's input is linear, so the mean of its slope is the change of its output over that of
    its input. Sums to the change of the output (Sundararajan et al. 2017, ICML, 3319). For one hidden layer it is also
    DeepLIFT's rescale rule (Shrikumar et al. 2017, ICML, 3145). Assumes that the path leads through plausible cells.
    """
    here, there = reader.hidden(x), reader.hidden(baseline)
    change = here - there
    small = change.abs() < MIN_CHANGE
    slope = torch.where(small, (here > 0).to(x.dtype), (here.relu() - there.relu()) / change.where(~small, 1))
    return reader.first * (slope @ (x - baseline).T)


def gradient_input(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Gradient at the cell times the difference from the baseline; what the output would do if it were linear there.

    Does not sum to the change of the output where hidden units turn on or off on the way.
    """
    slope = (reader.hidden(x) > 0).to(x.dtype)
    return reader.first * (slope @ (x - baseline).T)


def ablation(reader: Reader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Change of the output if one gene alone is set to its baseline, an in-silico knock-out.

    Counts what genes do together once for each of them, or not at all, so it does not sum to the change of the output.
    """
    here = reader.hidden(x)
    terms = torch.zeros_like(reader.first)
    for cell, difference in zip(here.T, (x - baseline).T, strict=True):
        terms += cell.relu()[:, None] - (cell[:, None] - reader.first * difference).relu()
    return terms


METHODS: dict[str, Callable[[Reader, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "integrated_gradients": integrated_gradients,
    "deeplift": integrated_gradients,
    "gradient_input": gradient_input,
    "ablation": ablation,
}
