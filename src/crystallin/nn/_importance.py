"""Contributions of programs to the fit of a cell."""

from __future__ import annotations

import torch

from ._edges import Weight
from ._quadrature import gauss_legendre
from ._refine import Cells

# the log-likelihood is smooth along the path
N_FIT_NODES = 8


def fit_by_program(cells: Cells, z: torch.Tensor, weight: Weight) -> torch.Tensor:
    """Compute the contribution of each program to the log-likelihood of a cell's counts, in nats, latent x cells.

    Integrated gradients of the log-likelihood from a cell without activities to activities ``z``, by Gauss-Legendre
    quadrature; they sum to the gain in log-likelihood.
    """
    gain = torch.zeros_like(z)
    for t, share in gauss_legendre(N_FIT_NODES):
        # the gradient of the log posterior without that of the prior
        gain += share * (cells.evaluate(t * z, weight).gradient + t * z)
    return gain * z
