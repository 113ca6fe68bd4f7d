"""Settings of the whole process that Lightning makes for one training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def process_settings_kept() -> Iterator[None]:
    """Put back what a trainer's ``deterministic`` and ``benchmark`` change for everybody in this process."""
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(CUBLAS)
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        if workspace is None:
            os.environ.pop(CUBLAS, None)
        else:
            os.environ[CUBLAS] = workspace
