"""Integrals over paths by Gauss-Legendre quadrature, where there is no closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ._rows import rows_of

N_NODES = 32


def gauss_legendre(n: int) -> list[tuple[float, float]]:
    """Return nodes between 0 and 1, from the end to the start, and their weights, which sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return [(float(0.5 * (1 + t)), float(0.5 * w)) for t, w in zip(nodes[::-1], weights[::-1], strict=True)]


@dataclass(frozen=True)
class DeepReader:
    """The part of a deeper encoder's mean that depends on the genes.

    Attributes
    ----------
    skip
        Linear weights, latent x genes.
    network
        Differentiable function of genes x cells: latent x cells, of each cell by itself.
    """

    skip: torch.Tensor
    network: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Latent x cells, from genes x cells."""
        return self.skip @ x + self.network(x)

    def only(self, wanted: torch.Tensor) -> DeepReader:
        """Return the part for some of the latent dimensions, or for combinations of them (see ``rows_of``)."""
        return DeepReader(rows_of(self.skip, wanted), lambda x: rows_of(self.network(x), wanted))

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        """Return latent x genes x cells, in one backward pass for all latent dimensions."""
        # gradients are needed even if the caller has disabled them
        with torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            out = self(x)
            unit = torch.eye(len(out), dtype=out.dtype, device=out.device)[:, :, None].expand(-1, -1, out.shape[1])
            return torch.autograd.grad(out, x, unit, is_grads_batched=True)[0]


def path_integrated_gradients(
    reader: DeepReader, x: torch.Tensor, baseline: torch.Tensor, n_nodes: int = N_NODES
) -> torch.Tensor:
    """Average the gradient along the straight path from the baseline, times the difference, summed over cells.

    This is the same as :func:`~crystallin.nn._attribution.integrated_gradients` up to the error of the quadrature,
    which is due to jumps in the slopes of ReLU units.
    """
    difference = (x - baseline).expand_as(x)
    total = torch.zeros_like(reader.skip)
    for t, weight in gauss_legendre(n_nodes):
        total += weight * (reader.gradient(baseline + t * difference) * difference).sum(2)
    return total


def path_expected_gradients(reader: DeepReader, x: torch.Tensor, baselines: torch.Tensor) -> torch.Tensor:
    """Average integrated gradients over baselines that are cells, summed over cells."""
    parts = [path_integrated_gradients(reader, x, baseline[:, None]) for baseline in baselines.T]
    return torch.stack(parts).mean(0)


def path_gradient_input(reader: DeepReader, x: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Multiply the gradient at the cell by the difference from the baseline, summed over cells."""
    return (reader.gradient(x) * (x - baseline)).sum(2)
