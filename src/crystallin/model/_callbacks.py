"""What happens between epochs: the best weights are remembered, and the state of the run is saved."""

from __future__ import annotations

import math
import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from ._compat import pl


class KeepBestWeights(pl.Callback):
    """Restore the weights of the epoch with the lowest validation ELBO when training ends.

    scvi-tools' early stopping leaves the weights of the last epoch.
    """

    monitor = "elbo_validation"

    def __init__(self) -> None:
        self.best_value = math.inf
        self.best_epoch: int | None = None
        self._state: dict[str, torch.Tensor] | None = None

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the weights if they are the best so far."""
        value = trainer.callback_metrics.get(self.monitor)
        if trainer.sanity_checking or value is None or not float(value) < self.best_value:
            return
        self.best_value, self.best_epoch = float(value), trainer.current_epoch
        self._state = deepcopy(pl_module.module.state_dict())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the best weights back."""
        if self._state is not None:
            pl_module.module.load_state_dict(self._state)
            self._state = None

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on from a checkpoint has to know."""
        return {"best_value": self.best_value, "best_epoch": self.best_epoch, "state": self._state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.best_value, self.best_epoch = state_dict["best_value"], state_dict["best_epoch"]
        self._state = state_dict["state"]


class SaveState(pl.Callback):
    """Save weights, optimiser and progress after each epoch, so that a run that was killed can go on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file anew."""
        trainer.save_checkpoint(self.path)


def check_state(path: Path, module: torch.nn.Module) -> None:
    """Raise if ``path`` is not a whole checkpoint of ``module``."""
    remedy = "delete it to start afresh, or give another file name"
    try:
        state = torch.load(path, map_location="cpu", weights_only=False, mmap=True)["state_dict"]
    except (KeyError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError) as error:
        msg = f"checkpoint={str(path)!r} is cut short or is no checkpoint ({type(error).__name__}); {remedy}."
        raise ValueError(msg) from error
    ours = {f"module.{key}": value.shape for key, value in module.state_dict().items()}
    if ours != {key: value.shape for key, value in state.items()}:
        msg = f"checkpoint={str(path)!r} is of a model with other data, programs or settings; {remedy}."
        raise ValueError(msg)
