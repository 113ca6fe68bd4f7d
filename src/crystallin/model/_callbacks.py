"""Callbacks of the training: keep the best weights, and stop when there is no improvement."""

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
    """Keep the weights of the best epoch, and restore them at the end of a stage of the training.

    scvi-tools' early stopping keeps the weights of the last epoch. The kept weights are also used if a stage is
    interrupted.

    Parameters
    ----------
    monitor
        Metric whose lowest value marks the best epoch. If it is ``None`` or has not been computed, the last complete
        epoch is the best.
    start
        Module whose weights are the best before the first epoch, because an earlier stage trained them.
    """

    def __init__(self, monitor: str | None = "elbo_validation", *, start: torch.nn.Module | None = None) -> None:
        self.monitor = monitor
        self.best_value = math.inf
        # counted from 0; None if there is no best epoch yet
        self.best_epoch: int | None = None
        # whether the best weights have been restored after the last epoch
        self.restored = False
        self._state: dict[str, torch.Tensor] | None = None if start is None else deepcopy(start.state_dict())

    @property
    def has_weights(self) -> bool:
        """Whether there are best weights, kept here or restored in the module."""
        return self.restored or self._state is not None

    # not on_validation_epoch_end, which is called before the epoch's metric is logged
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the weights if they are the best so far."""
        value = trainer.callback_metrics.get(self.monitor)
        if trainer.sanity_checking or value is None or not float(value) < self.best_value:
            return
        self._remember(trainer.current_epoch, pl_module, float(value))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the weights if there is no metric to choose by."""
        if self.best_value == math.inf:
            self._remember(trainer.current_epoch, pl_module)

    # not on_train_end, which is not called if a run continues from a checkpoint of a complete stage
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the best weights."""
        self.restore(pl_module.module)

    def restore(self, module: torch.nn.Module) -> None:
        """Restore the best weights, if there are any and this was not done before."""
        if self._state is None:
            return
        with interrupts_deferred():
            module.load_state_dict(self._state)
            # free the memory of the copy
            self._state, self.restored = None, True

    def _remember(self, epoch: int, pl_module: pl.LightningModule, value: float = math.inf) -> None:
        with interrupts_deferred():
            self._state = deepcopy(pl_module.module.state_dict())
            self.best_epoch, self.best_value = epoch, value

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a run needs to continue from a checkpoint."""
        return {"best_value": self.best_value, "best_epoch": self.best_epoch, "state": self._state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state."""
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
        """Return the state that a run needs to continue from a checkpoint."""
        return super().state_dict() | {"n_seen": self._n_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state."""
        self._n_seen = state_dict["n_seen"]
        super().load_state_dict(state_dict)
