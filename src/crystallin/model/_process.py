"""Settings of the whole process that Lightning changes for a training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def process_settings_kept() -> Iterator[None]:
    """Restore settings of the process that a trainer's ``deterministic`` and ``benchmark`` change."""
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
