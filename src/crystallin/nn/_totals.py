"""Sums over cells that may be spread over several processes."""

from __future__ import annotations

import torch


def of_this_process(x: torch.Tensor) -> torch.Tensor:
    """Return ``x``, which is the total over all cells if a single process sees them all."""
    return x
