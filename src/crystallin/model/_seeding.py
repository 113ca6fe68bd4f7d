"""Reproducible random numbers without changes to the caller's random state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block, and restore their states after it.

    torch, Lightning and scvi-tools use them: torch uses its own generators, and scvi-tools 1.5 also that of numpy.
    """
    before = get_random_state()
    try:
        torch.default_generator.manual_seed(seed)
        for device in range(len(before["cuda"])):
            torch.cuda.default_generators[device].manual_seed(seed)
        if before["mps"] is not None:
            torch.mps.manual_seed(seed)
        np.random.set_state(np.random.RandomState(seed % 2**32).get_state())  # noqa: NPY002
        random.seed(seed)
        yield
    finally:
        set_random_state(before)


def get_random_state() -> dict[str, Any]:
    """Return the states of the global generators, including accelerators, as tensors and plain values."""
    name, key, *rest = np.random.get_state()  # noqa: NPY002
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(device) for device in range(n_cuda)],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
        "numpy": (name, key.tolist(), *rest),
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Set the global generators to states from :func:`get_random_state`, for all devices that exist."""
    torch.set_rng_state(state["torch"])
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for device, of_device in enumerate(state["cuda"][:n_cuda]):
        torch.cuda.set_rng_state(of_device, device)
    if state["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])
    name, key, *rest = state["numpy"]
    np.random.set_state((name, np.array(key, dtype=np.uint32), *rest))  # noqa: NPY002
    random.setstate(state["python"])
