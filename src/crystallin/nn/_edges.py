"""Weights that exist only on the edges of the prior."""

from __future__ import annotations

import torch


def scatter(values: torch.Tensor, program: torch.Tensor, gene: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Dense programs x genes matrix with ``values`` on the edges and 0 elsewhere (differentiable in ``values``)."""
    return torch.zeros(shape, dtype=values.dtype, device=values.device).index_put((program, gene), values)


def project_signs(values: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """Nearest weights that have the prior's sign or are 0 (the proximal step of the sign constraint)."""
    return torch.where(values * signs > 0, values, torch.zeros_like(values))
