"""State of a training run on disk, from which an interrupted run can continue."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from ._compat import pl
from ._seeding import get_random_state

# key of this package's part of Lightning's checkpoint
KEY = "crystallin"


class SavedRun(NamedTuple):
    """State of a run at the end of an epoch.

    Attributes
    ----------
    stage
        Name of the stage.
    finished
        Whether that was the last epoch of the stage.
    random_state
        States of the random number generators.
    history
        Metrics of all epochs so far.
    """

    stage: str
    finished: bool
    random_state: dict[str, Any]
    history: dict[str, pd.DataFrame]


# Lightning calls checkpoints last, after the epoch's metrics are computed and early stopping has decided
class SaveState(pl.callbacks.Checkpoint):
    """Save weights, optimiser and progress after each epoch.

    Parameters
    ----------
    path
        File to write.
    stage
        Name of the stage of the training.
    history
        Metrics of earlier stages and runs.
    """

    def __init__(self, path: Path, stage: str, history: dict[str, pd.DataFrame] | None) -> None:
        self.path, self.stage, self.history = path, stage, history or {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file by replacing the old one, so that it is complete at any time."""
        partial = partial_file(self.path)
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            os.replace(partial, self.path)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add stage, random states and history to Lightning's checkpoint."""
        finished = trainer.should_stop or trainer.current_epoch + 1 >= trainer.max_epochs
        history = joined(self.history, _with_last_epoch(trainer))
        # tensors and plain values only, because torch refuses to load other objects from files that are not trusted
        plain = {name: (values.index.name, values[name].tolist()) for name, values in history.items()}
        checkpoint[KEY] = SavedRun(self.stage, bool(finished), get_random_state(), plain)._asdict()

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Stop at once if the stage was complete."""
        trainer.should_stop = checkpoint[KEY]["finished"]


def partial_file(path: Path) -> Path:
    """Return the path under which a checkpoint is written before it replaces the old one."""
    return path.with_name(f"{path.name}.partial")


def read_checkpoint(path: Path, module: torch.nn.Module | None = None) -> SavedRun:
    """Return the saved state of a run; raise an error if ``path`` is not a complete checkpoint (of ``module``)."""
    remedy = "delete it to start again, or give another file name"
    # torch writes zip archives, whose directory is at the end of the file
    if not zipfile.is_zipfile(path):
        msg = f"checkpoint={str(path)!r} is incomplete or not a checkpoint; {remedy}."
        raise ValueError(msg)
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        theirs = {key: value.shape for key, value in saved["state_dict"].items()}
    except (AttributeError, EOFError, LookupError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        msg = f"checkpoint={str(path)!r} is not a checkpoint ({type(error).__name__}); {remedy}."
        raise ValueError(msg) from error
    if module is not None and theirs != {f"module.{key}": value.shape for key, value in module.state_dict().items()}:
        msg = f"checkpoint={str(path)!r} belongs to a model with other data, programs or settings; {remedy}."
        raise ValueError(msg)
    if KEY not in saved:
        msg = f"checkpoint={str(path)!r} was written by another version of crystallin, or by Lightning alone; {remedy}."
        raise ValueError(msg)
    run = SavedRun(**saved[KEY])
    history = {
        name: pd.DataFrame({name: values}, dtype=object).rename_axis(axis)
        for name, (axis, values) in run.history.items()
    }
    return run._replace(history=history)


def joined(before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Append the metrics of later epochs to those of earlier ones, with continued numbers of epochs."""
    result = dict(before)
    for name, values in after.items():
        if name in before:
            values = values.set_axis(range(len(before[name]), len(before[name]) + len(values)))
            values = pd.concat([before[name], values]).rename_axis(before[name].index.name)
        result[name] = values.copy()
    return result


def _with_last_epoch(trainer: pl.Trainer) -> dict[str, pd.DataFrame]:
    """Return the metrics of the run, including those of the current epoch, which are not logged yet."""
    # every process has to access this, because metrics may be reduced over all processes
    metrics = trainer.callback_metrics
    # loggers of other processes and other packages have no history
    history = getattr(trainer.logger, "history", None)
    if not isinstance(history, dict):
        return {}
    history = {name: values.copy() for name, values in history.items()}
    epoch = trainer.current_epoch
    for name, value in metrics.items():
        if "validation" in name:
            continue
        table = history.setdefault(name, pd.DataFrame(columns=[name]).rename_axis("epoch"))
        if epoch not in table.index:
            table.loc[epoch, name] = value.item()
    return history
