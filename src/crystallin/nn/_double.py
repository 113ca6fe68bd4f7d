"""Double precision wherever it is to be had."""

from __future__ import annotations

import torch

# kinds of devices that have no double precision
SINGLE_ONLY = ("mps",)


def double_device(device: torch.device | None) -> torch.device | None:
    """Where sums in double precision are kept for tensors on ``device``: there, or on the CPU if it knows none."""
    return torch.device("cpu") if device is not None and device.type in SINGLE_ONLY else device


def in_double(x: torch.Tensor) -> torch.Tensor:
    """``x`` in double precision, on :func:`double_device`."""
    return x.to(double_device(x.device)).double()
