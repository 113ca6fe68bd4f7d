"""What a training that fails leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ._training import TrainingMixin


@contextmanager
def unchanged_if_it_fails(model: TrainingMixin) -> Iterator[None]:
    """Put the model back into its state before the block if that raises."""
    before, weights = dict(model.__dict__), deepcopy(model.module.state_dict())
    device, training = model.device, model.module.training
    try:
        yield
    except BaseException:
        model.__dict__.clear()
        model.__dict__.update(before)
        model.module.to(device).train(training).load_state_dict(weights)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise


@contextmanager
def explained_if_out_of_memory(batch_size: int, device_budget: int | None) -> Iterator[None]:
    """Say what to change if memory runs out inside the block."""
    try:
        yield
    except RuntimeError as error:
        # torch has an exception for accelerators only
        if not isinstance(error, torch.cuda.OutOfMemoryError) and "not enough memory" not in str(error):
            raise
        msg = (
            f"Memory ran out with batch_size={batch_size} and device_budget={device_budget} (bytes of counts kept on "
            "the device; None is half of its free memory). Give train a smaller batch_size, or device_budget=0 to "
            "send counts minibatch by minibatch; fewer programs or genes help most."
        )
        raise RuntimeError(msg) from error
