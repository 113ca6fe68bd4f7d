"""What happens between epochs: weights are remembered, and training stops when nothing improves."""

from __future__ import annotations

import logging
import math
from copy import deepcopy
from typing import Any

import torch

from ._compat import pl
from ._interrupts import interrupts_deferred

logger = logging.getLogger(__name__)


class KeepWeights(pl.Callback):
    """Remember the weights of the best epoch, and put them back when a stage of the training ends.

    scvi-tools' early stopping leaves the weights of the last epoch. They are also what a stage that is interrupted
    leaves behind.

    Parameters
    ----------
    monitor
        Metric whose lowest value marks the best epoch. ``None``, or as long as it was not computed: the last epoch that
        is complete is the best.
    start
        Module whose weights are the best to begin with, because an earlier stage trained them.
    """

    def __init__(self, monitor: str | None = "elbo_validation", *, start: torch.nn.Module | None = None) -> None:
        self.monitor = monitor
        self.best_value = math.inf
        # counted from 0; None as long as there was none
        self.best_epoch: int | None = None
        # whether they are in the module again, after the last epoch
        self.restored = False
        self._state: dict[str, torch.Tensor] | None = None if start is None else deepcopy(start.state_dict())

    @property
    def has_weights(self) -> bool:
        """Whether there are weights worth keeping, here or in the module again."""
        return self.restored or self._state is not None

    # not on_validation_epoch_end, which runs before the epoch's metric is logged
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the weights if they are the best so far."""
        value = trainer.callback_metrics.get(self.monitor)
        if trainer.sanity_checking or value is None or not float(value) < self.best_value:
            return
        self._remember(trainer.current_epoch, pl_module, float(value))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the weights if there is nothing to choose by."""
        if self.best_value == math.inf:
            self._remember(trainer.current_epoch, pl_module)

    # not on_train_end, which is left out where a run goes on from a checkpoint with nothing left to do
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the best weights back."""
        self.restore(pl_module.module)

    def restore(self, module: torch.nn.Module) -> None:
        """Put the best weights back, if there are any and it was not done before."""
        if self._state is None:
            return
        with interrupts_deferred():
            module.load_state_dict(self._state)
            # they need no memory twice
            self._state, self.restored = None, True

    def _remember(self, epoch: int, pl_module: pl.LightningModule, value: float = math.inf) -> None:
        with interrupts_deferred():
            self._state = deepcopy(pl_module.module.state_dict())
            self.best_epoch, self.best_value = epoch, value

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on from a checkpoint has to know."""
        return {"best_value": self.best_value, "best_epoch": self.best_epoch, "state": self._state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.best_value, self.best_epoch = state_dict["best_value"], state_dict["best_epoch"]
        self._state = state_dict["state"]


class StopEarly(pl.callbacks.EarlyStopping):
    """Lightning's early stopping, which logs its reason; scvi-tools' prints it.

    Parameters
    ----------
    warmup_epochs
        Validations that do not count.
    **kwargs
        To :class:`lightning.pytorch.callbacks.EarlyStopping`.
    """

    def __init__(self, *, warmup_epochs: int = 0, **kwargs: Any) -> None:
        # the metric is one that there is, but not yet if max_steps are taken before the first validation
        super().__init__(strict=False, **kwargs)
        self.warmup_epochs = warmup_epochs
        self._n_seen = 0

    def _evaluate_stopping_criteria(self, current: torch.Tensor) -> tuple[bool, str | None]:
        self._n_seen += 1
        if self._n_seen <= self.warmup_epochs:
            return False, None
        stop, reason = super()._evaluate_stopping_criteria(current)
        if stop:
            logger.info("Training stops early: %s", reason)
        return stop, reason

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on from a checkpoint has to know."""
        return super().state_dict() | {"n_seen": self._n_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        self._n_seen = state_dict["n_seen"]
        super().load_state_dict(state_dict)
