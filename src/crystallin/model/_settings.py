"""Settings of a training, checked before it starts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crystallin import _checks as checks
from crystallin._progress import is_watched

from ._compat import pl
from ._lightning import (
    check_callbacks,
    check_names,
    check_plan,
    check_splitter,
    check_trainer,
    check_values,
    merged,
)
from ._split import check_parts, split_cells

# cells per minibatch, as in scvi-tools
DEFAULT_BATCH_SIZE = 128
# gradient steps of the first stage by default, and the largest number of epochs
DEFAULT_STEPS = 500
MAX_EPOCHS = 400
# the largest numbers of the second stage, which ends when it has converged
POSTERIOR_STEPS = 300
MAX_POSTERIOR_EPOCHS = 150
# minibatches of the second stage are larger by this factor, because noise there reduces agreement between seeds
POSTERIOR_BATCH_FACTOR = 4
# metrics that early stopping can monitor
METRICS = ("elbo", "reconstruction_loss", "kl_local")
OF_VALIDATION = (*(f"{name}_validation" for name in METRICS), "validation_loss")
OF_TRAINING = (*(f"{name}_train" for name in METRICS), "train_loss")


@dataclass(frozen=True)
class TrainingSettings:
    """Arguments of :meth:`crystallin.ProgramVAE.train`, checked and with their defaults filled in.

    Attributes
    ----------
    max_epochs, posterior_epochs, batch_size, accelerator, devices, load_sparse_tensor, checkpoint, datamodule
        As in :meth:`crystallin.ProgramVAE.train` or scvi-tools.
    parts
        Indices of training, validation and test cells; ``None`` with a datamodule.
    n_validation
        Number of validation cells.
    early_stopping
        Arguments of early stopping; ``None`` means no early stopping.
    show_progress, own_progress_bar
        Whether to show progress, and whether to show it in the progress bar of this package.
    callbacks
        Callbacks given by the caller.
    plan_kwargs, datasplitter_kwargs, trainer_kwargs
        Arguments of scvi-tools' training plan, data splitter and trainer.
    """

    max_epochs: int
    posterior_epochs: int
    batch_size: int
    accelerator: Any
    devices: Any
    load_sparse_tensor: bool
    checkpoint: Path | None
    datamodule: Any
    parts: list[np.ndarray] | None
    n_validation: int
    early_stopping: dict[str, Any] | None
    show_progress: bool
    own_progress_bar: bool
    callbacks: list[Any] = field(default_factory=list)
    plan_kwargs: dict[str, Any] = field(default_factory=dict)
    datasplitter_kwargs: dict[str, Any] = field(default_factory=dict)
    trainer_kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def posterior_batch_size(self) -> int:
        """Number of cells per minibatch in the second stage."""
        size = POSTERIOR_BATCH_FACTOR * self.batch_size
        # scvi-tools warns about a last minibatch of one or two cells, and the user did not choose this size
        while self.parts is not None and len(self.parts[0]) > 2 and len(self.parts[0]) % size in (1, 2):
            size += 1
        return size


def check_training(
    n_obs: int | None,
    random_state: int,
    /,
    *,
    max_epochs: int | None = None,
    accelerator: Any = "auto",
    devices: Any = "auto",
    train_size: float | None = None,
    validation_size: float | None = None,
    shuffle_set_split: bool = True,
    batch_size: int = DEFAULT_BATCH_SIZE,
    early_stopping: bool = True,
    posterior_epochs: int | None = None,
    device_budget: int | None = None,
    checkpoint: str | Path | None = None,
    datasplitter_kwargs: Mapping[str, Any] | None = None,
    plan_kwargs: Any = None,
    datamodule: Any = None,
    plan_config: Any = None,
    trainer_config: Any = None,
    load_sparse_tensor: bool = False,
    **kwargs: Any,
) -> TrainingSettings:
    """Check the arguments of a training and return its settings, so that no later step refuses an argument.

    ``n_obs`` is the number of cells, or ``None`` without an AnnData, and ``random_state`` is the seed of the split.
    """
    check_names(kwargs)
    checks.check_int(batch_size, "batch_size", 1)
    _check_optional(1, max_epochs=max_epochs)
    _check_optional(0, posterior_epochs=posterior_epochs, device_budget=device_budget)
    checks.check_bool(early_stopping, "early_stopping")
    checks.check_bool(shuffle_set_split, "shuffle_set_split")
    checks.check_bool(load_sparse_tensor, "load_sparse_tensor")
    checkpoint = None if checkpoint is None else check_checkpoint_path(checkpoint)
    n_cells = _n_cells(n_obs, datamodule)
    max_epochs, posterior_epochs = _epochs(n_cells, batch_size, max_epochs, posterior_epochs)
    splitter = check_splitter(datasplitter_kwargs)
    parts, n_validation = None, getattr(datamodule, "n_val", 0)
    if datamodule is None:
        rng = np.random.default_rng(random_state)
        parts = split_cells(n_cells, train_size, validation_size, shuffle=shuffle_set_split, rng=rng)
        parts = _parts_given(parts, splitter, n_cells, batch_size)
        n_validation = len(parts[1])
        splitter = {"device_budget": device_budget} | splitter | {"external_indexing": parts}

    trainer = merged(trainer_config, kwargs, "trainer")
    check_names(trainer)
    check_values(trainer)
    callbacks = check_callbacks(trainer.pop("callbacks", None))
    if trainer.get("limit_val_batches") == 0:
        n_validation = 0
    plan = check_plan(merged(plan_config, plan_kwargs, "plan"), n_validation)
    watch = _early_stopping(trainer, max_epochs)
    if not n_validation and watch["monitor"] in OF_VALIDATION:
        early_stopping = False
    _set_intervals(trainer, parts, n_validation, batch_size)
    show_progress, own_progress_bar = _progress(trainer, callbacks)
    trainer["strategy"] = check_trainer(
        accelerator,
        devices,
        trainer | {"callbacks": callbacks, "enable_progress_bar": show_progress},
        None if parts is None else len(parts[0]),
    )
    return TrainingSettings(
        max_epochs=int(max_epochs),
        posterior_epochs=int(posterior_epochs),
        batch_size=int(batch_size),
        accelerator=accelerator,
        devices=devices,
        load_sparse_tensor=load_sparse_tensor,
        checkpoint=checkpoint,
        datamodule=datamodule,
        parts=parts,
        n_validation=n_validation,
        early_stopping=watch if early_stopping else None,
        show_progress=show_progress,
        own_progress_bar=own_progress_bar,
        callbacks=callbacks,
        plan_kwargs=plan,
        datasplitter_kwargs=splitter,
        trainer_kwargs=trainer,
    )


def _check_optional(minimum: int, **given: int | None) -> None:
    """Raise unless each value is ``None`` or a whole number of at least ``minimum``."""
    for name, value in given.items():
        if value is not None:
            checks.check_int(value, name, minimum)


def _set_intervals(trainer: dict[str, Any], parts: list[np.ndarray] | None, n_validation: int, batch_size: int) -> None:
    """Set defaults so that training logs and validates at least once per epoch."""
    # Lightning warns if an epoch has fewer minibatches than the logging interval
    if parts is not None:
        trainer.setdefault("log_every_n_steps", max(1, min(10, len(parts[0]) // batch_size)))
    if n_validation:
        trainer.setdefault("check_val_every_n_epoch", 1)


def _n_cells(n_obs: int | None, datamodule: Any) -> int | None:
    """Return the number of cells in the AnnData, or in the datamodule if it has ``n_obs``."""
    if datamodule is None:
        if n_obs is None:
            msg = "The model has no data to train on. Load it with its AnnData (adata=), or give datamodule=."
            raise ValueError(msg)
        return n_obs
    if not hasattr(datamodule, "train_dataloader"):
        msg = f"datamodule={datamodule!r} must be a lightning.pytorch.LightningDataModule."
        raise TypeError(msg)
    return getattr(datamodule, "n_obs", None)


def _epochs(
    n_cells: int | None, batch_size: int, max_epochs: int | None, posterior_epochs: int | None
) -> tuple[int, int]:
    """Return the numbers of epochs of both stages, by default from the number of cells."""
    if max_epochs is None:
        if n_cells is None:
            msg = "max_epochs=None needs the number of cells, but this datamodule has no n_obs. Give max_epochs."
            raise ValueError(msg)
    first = default_epochs(n_cells, batch_size) if max_epochs is None else max_epochs
    if posterior_epochs is None:
        posterior_epochs = default_posterior_epochs(n_cells or 0, batch_size, max_epochs)
    return first, posterior_epochs


def _parts_given(
    parts: list[np.ndarray], splitter: Mapping[str, Any], n_cells: int, batch_size: int
) -> list[np.ndarray]:
    """Return the given split, or else the default one; raise an error if it leaves nothing to train on."""
    if splitter.get("external_indexing") is not None:
        parts = check_parts(splitter["external_indexing"], n_cells)
    if splitter.get("drop_last") and len(parts[0]) < batch_size:
        msg = f"drop_last leaves no minibatch: batch_size={batch_size} is above the {len(parts[0])} training cells."
        raise ValueError(msg)
    return parts


def default_epochs(n_obs: int, batch_size: int) -> int:
    """Return the number of epochs with about ``DEFAULT_STEPS`` gradient steps, within limits."""
    steps_per_epoch = math.ceil(0.9 * n_obs / batch_size)
    return min(math.ceil(DEFAULT_STEPS / steps_per_epoch), MAX_EPOCHS)


def default_posterior_epochs(n_obs: int, batch_size: int, max_epochs: int | None) -> int:
    """Return the number of epochs with at most ``POSTERIOR_STEPS`` gradient steps, within limits."""
    steps_per_epoch = max(1, math.ceil(0.9 * n_obs / (POSTERIOR_BATCH_FACTOR * batch_size)))
    n_epochs = min(math.ceil(POSTERIOR_STEPS / steps_per_epoch), MAX_POSTERIOR_EPOCHS)
    # who asks for a short training means both stages
    return n_epochs if max_epochs is None else min(n_epochs, math.ceil(max_epochs / 2))


def check_checkpoint_path(checkpoint: Any) -> Path:
    """Return the path of a checkpoint; raise an error if it cannot be written."""
    path = Path(checkpoint) if isinstance(checkpoint, str | os.PathLike) else None
    if path is None or path.suffix != ".ckpt" or path.is_dir() or not path.parent.is_dir():
        msg = f"checkpoint={str(checkpoint)!r} must be a file name ending in .ckpt in a folder that exists."
        raise ValueError(msg)
    if not os.access(path.parent, os.W_OK):
        msg = f"checkpoint={str(checkpoint)!r} is in a folder that is not writable; give another one."
        raise ValueError(msg)
    return path


def _early_stopping(trainer: dict[str, Any], max_epochs: int) -> dict[str, Any]:
    """Remove the arguments of early stopping from those of the trainer, check and return them."""
    watch = {
        "monitor": trainer.pop("early_stopping_monitor", "elbo_validation"),
        "patience": trainer.pop("early_stopping_patience", max(10, max_epochs // 4)),
        "min_delta": trainer.pop("early_stopping_min_delta", 0.0),
        "mode": trainer.pop("early_stopping_mode", "min"),
        "warmup_epochs": trainer.pop("early_stopping_warmup_epochs", 0),
    }
    checks.check_choice(watch["monitor"], "early_stopping_monitor", (*OF_VALIDATION, *OF_TRAINING))
    checks.check_choice(watch["mode"], "early_stopping_mode", ("min", "max"))
    checks.check_int(watch["patience"], "early_stopping_patience", 0)
    checks.check_int(watch["warmup_epochs"], "early_stopping_warmup_epochs", 0)
    checks.check_number(watch["min_delta"], "early_stopping_min_delta", 0)
    return watch


def _progress(trainer: dict[str, Any], callbacks: list[Any]) -> tuple[bool, bool]:
    """Remove the arguments of the progress bar from those of the trainer; return whether to show which bar."""
    show = trainer.pop("enable_progress_bar", None)
    simple = trainer.pop("simple_progress_bar", True)
    checks.check_bool(simple, "simple_progress_bar")
    if show is not None:
        checks.check_bool(show, "enable_progress_bar")
    rate = trainer.pop("progress_bar_refresh_rate", 1)
    if rate not in (0, 1):
        msg = f"progress_bar_refresh_rate={rate!r} must be 0 (no bar) or 1."
        raise ValueError(msg)
    theirs = any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks)
    show = bool(rate) and (theirs or is_watched() if show is None else bool(show))
    return show, show and simple and not theirs
