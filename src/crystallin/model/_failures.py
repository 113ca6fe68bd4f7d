"""State of a model after a training that fails or is interrupted."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

import torch

from ._interrupts import interrupts_deferred

if TYPE_CHECKING:
    from ._training import TrainingMixin

logger = logging.getLogger(__name__)


class Snapshot:
    """Copy of a model's state, to restore it later.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: TrainingMixin) -> None:
        self.model, self.weights = model, deepcopy(model.module.state_dict())
        self.attributes = dict(model.__dict__)
        self.device, self.training = model.device, model.module.training

    def put_back(self) -> None:
        """Restore the complete state."""
        with interrupts_deferred():
            self.model.__dict__.clear()
            self.model.__dict__.update(self.attributes)
            self.model.module.to(self.device).train(self.training).load_state_dict(self.weights)


class Fallback:
    """State to which a model returns if its training is interrupted: the last one with complete weights.

    Parameters
    ----------
    model
        The model before its training.
    """

    def __init__(self, model: TrainingMixin) -> None:
        self.model = model
        self.start = self.last = Snapshot(model)
        # when the training was interrupted, and which weights are kept; None while there are no new weights
        self.when: str | None = None
        self.kept: str | None = None

    def keep(self, when: str, kept: str) -> None:
        """Make the present state the one to return to, and set the texts for the warning in that case."""
        with interrupts_deferred():
            self.last, self.when, self.kept = Snapshot(self.model), when, kept


@contextmanager
def kept_if_interrupted(model: TrainingMixin) -> Iterator[Fallback]:
    """Restore the model's state before the block if it fails, and the last state worth keeping at Ctrl-C.

    Ctrl-C ends the block with a warning if there is such a state, and with a KeyboardInterrupt if there is none.
    """
    fallback = Fallback(model)
    try:
        yield fallback
    except KeyboardInterrupt as error:
        fallback.last.put_back()
        if fallback.when is None:
            if error.args:
                raise
            msg = "Training was interrupted before the first epoch of this run was complete; the model is unchanged."
            raise KeyboardInterrupt(msg) from error
        logger.warning(
            "%s. The best weights so far are kept, %s, and the model can be used.",
            fallback.when,
            fallback.kept,
        )
    except BaseException:
        fallback.start.put_back()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise


@contextmanager
def explained_if_out_of_memory(batch_size: int, device_budget: int | None) -> Iterator[None]:
    """Raise an error that explains what to change if memory runs out inside the block."""
    try:
        yield
    except RuntimeError as error:
        # torch has a special exception for accelerators only
        if not isinstance(error, torch.cuda.OutOfMemoryError) and "not enough memory" not in str(error):
            raise
        msg = (
            f"Memory ran out with batch_size={batch_size} and device_budget={device_budget} (largest size of counts on "
            "the device, in bytes; None means half of its free memory). Give train a smaller batch_size, or "
            "device_budget=0 to send counts minibatch by minibatch. Fewer programs or genes save most memory."
        )
        raise RuntimeError(msg) from error
