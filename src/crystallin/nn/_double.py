"""Double precision on devices that support it."""

from __future__ import annotations

import torch

# types of devices without double precision
SINGLE_ONLY = ("mps",)


def double_device(device: torch.device | None) -> torch.device | None:
    """Return where to keep sums in double precision for tensors on ``device``: there, or on the CPU if unsupported."""
    return torch.device("cpu") if device is not None and device.type in SINGLE_ONLY else device


def in_double(x: torch.Tensor) -> torch.Tensor:
    """Return ``x`` in double precision, on :func:`double_device`."""
    return x.to(double_device(x.device)).double()
