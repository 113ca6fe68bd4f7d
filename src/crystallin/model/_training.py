"""``train``: defaults, a reproducible split, and the best weights kept."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from crystallin import _checks as checks

from ._callbacks import KeepBestWeights, SaveState, check_state
from ._resident import ProgramDataSplitter
from ._seeding import seeded
from ._split import split_cells
from ._trainingplan import PosteriorTrainingPlan

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule

logger = logging.getLogger(__name__)

# gradient steps of a default run, and bounds of the epochs they make
DEFAULT_STEPS = 2_000
MIN_EPOCHS, MAX_EPOCHS = 10, 400
# the same for the last stage
POSTERIOR_STEPS = 150
MAX_POSTERIOR_EPOCHS = 50
# its minibatches are larger by this factor: noise there costs agreement between seeds
POSTERIOR_BATCH_FACTOR = 4
# settings of scvi-tools' trainer that hold for both stages
SHARED_WITH_SECOND_STAGE = (
    "enable_progress_bar",
    "gradient_clip_val",
    "log_every_n_steps",
    "precision",
    "progress_bar_refresh_rate",
    "simple_progress_bar",
    "strategy",
)


class TrainingMixin:
    """``train`` with this model's defaults in front of scvi-tools' work."""

    _random_state: int
    _data_splitter_cls = ProgramDataSplitter

    def train(
        self,
        max_epochs: int | None = None,
        accelerator: str = "auto",
        devices: int | list[int] | str = "auto",
        train_size: float | None = None,
        validation_size: float | None = None,
        shuffle_set_split: bool = True,
        batch_size: int = 128,
        early_stopping: bool = True,
        posterior_epochs: int | None = None,
        device_budget: int | None = None,
        checkpoint: str | Path | None = None,
        datasplitter_kwargs: dict[str, Any] | None = None,
        plan_kwargs: dict[str, Any] | None = None,
        datamodule: LightningDataModule | None = None,
        **kwargs: Any,
    ) -> None:
        """Train the model: encoder and decoder together, then the decoder on the exact posterior.

        The first stage is that of other variational autoencoders and keeps the weights with the lowest validation loss.
        The second is short, and makes up for what the encoder's Gaussian gets wrong: loadings that are too small, and
        intervals that are too wide.

        Parameters
        ----------
        max_epochs
            Epochs of the first stage; the learning rate is annealed over all of them. ``None`` aims at 2,000 gradient
            steps, between 10 and 400 epochs.
        accelerator, devices
            Hardware, see :class:`lightning.pytorch.Trainer`.
        train_size, validation_size
            Shares of the cells; by default .9 and the rest.
        shuffle_set_split
            Split at random rather than in the order of the cells.
        batch_size
            Cells per minibatch.
        early_stopping
            Stop when the validation loss has not improved for a quarter of ``max_epochs``
            (``early_stopping_patience``).
        posterior_epochs
            Epochs of the second stage. ``None`` aims at 150 gradient steps with minibatches of four times
            ``batch_size``, up to 50 epochs and up to half of ``max_epochs``; 0 leaves it out.
        device_budget
            Bytes that the counts may take on the training device. Counts that fit are kept there, sparse, for the whole
            training; others are sent from the AnnData minibatch by minibatch, which gives the same results. ``None`` is
            half of an accelerator's free memory, and no limit on a CPU, where counts in memory are used in place. 0
            sends minibatches in any case.
        checkpoint
            File (``.ckpt``) that the state of the first stage is saved to after each epoch. A run that finds it goes on
            from there, with the same data and arguments, and the file is removed when training is done. The cells are
            then shuffled differently than in a run that was not interrupted.
        datasplitter_kwargs
            To :class:`scvi.dataloaders.DataSplitter`.
        plan_kwargs
            To the training plan of the first stage: ``lr`` and others.
        datamodule
            Source of minibatches instead of the AnnData.
        **kwargs
            To :class:`scvi.train.Trainer`.

        Raises
        ------
        ValueError
            If an argument is out of range, a checkpoint belongs to another model, or a query model has nothing to
            train.
        RuntimeError
            If memory runs out; the message names minibatch and budget.

        Examples
        --------
        >>> model.train()  # doctest: +SKIP
        >>> cr.pl.history(model)  # doctest: +SKIP
        """
        checks.check_int(batch_size, "batch_size", 1)
        if checkpoint is not None:
            checkpoint = Path(checkpoint)
            if checkpoint.suffix != ".ckpt" or not checkpoint.parent.is_dir():
                msg = f"checkpoint={str(checkpoint)!r} must be a file name ending in .ckpt in a folder that exists."
                raise ValueError(msg)
        if posterior_epochs is not None:
            checks.check_int(posterior_epochs, "posterior_epochs", 0)
        if device_budget is not None:
            checks.check_int(device_budget, "device_budget", 0)
        if max_epochs is not None:
            checks.check_int(max_epochs, "max_epochs", 1)
        if not any(parameter.requires_grad for parameter in self.module.parameters()):
            msg = (
                "Nothing is left to train: the query brings no new batches or categories. "
                "Use the model as it is (get_activity, crystallin.tl.activity)."
            )
            raise ValueError(msg)
        n_obs = self.adata.n_obs if datamodule is None else getattr(datamodule, "n_obs", None)
        if max_epochs is None and n_obs is not None:
            max_epochs = default_epochs(n_obs, batch_size)
        datasplitter_kwargs = dict(datasplitter_kwargs or {})
        if datamodule is None:
            rng = np.random.default_rng(self._random_state)
            parts = split_cells(n_obs, train_size, validation_size, shuffle=shuffle_set_split, rng=rng)
            datasplitter_kwargs.setdefault("device_budget", device_budget)
            parts = datasplitter_kwargs.setdefault("external_indexing", parts)
            n_validation = len(parts[1])
            # Lightning warns of epochs with fewer minibatches than lie between two log entries
            kwargs.setdefault("log_every_n_steps", max(1, min(10, len(parts[0]) // batch_size)))
        else:
            n_validation = getattr(datamodule, "n_val", 0)
        if n_validation:
            kwargs.setdefault("check_val_every_n_epoch", 1)
            kwargs["callbacks"] = [*kwargs.get("callbacks", []), KeepBestWeights()]
            kwargs.setdefault("early_stopping_patience", max(10, (max_epochs or 0) // 4))
        elif early_stopping:
            logger.info("There are no validation cells, so training runs for all epochs and keeps the last weights.")
        if posterior_epochs is None:
            posterior_epochs = default_posterior_epochs(n_obs or 0, batch_size, max_epochs or 0)
        stage = {
            "accelerator": accelerator,
            "devices": devices,
            "train_size": train_size,
            "validation_size": validation_size,
            "shuffle_set_split": shuffle_set_split,
            "batch_size": batch_size,
            "datasplitter_kwargs": datasplitter_kwargs,
            "datamodule": datamodule,
        }
        if checkpoint is not None:
            kwargs["callbacks"] = [*kwargs.get("callbacks", []), SaveState(checkpoint)]
            if checkpoint.is_file():
                check_state(checkpoint, self.module)
                logger.info("Training goes on from %s.", checkpoint)
                kwargs["ckpt_path"] = str(checkpoint)
        with seeded(self._random_state), _explained_if_out_of_memory(batch_size, device_budget):
            self._run_stage(
                max_epochs, plan_kwargs, early_stopping=early_stopping and n_validation > 0, **stage, **kwargs
            )
            if posterior_epochs:
                shared = {key: kwargs[key] for key in SHARED_WITH_SECOND_STAGE if key in kwargs}
                stage["batch_size"] = POSTERIOR_BATCH_FACTOR * batch_size
                # scvi-tools warns of last minibatches of one or two cells, which nobody asked for here
                while datamodule is None and len(parts[0]) > 2 and len(parts[0]) % stage["batch_size"] in (1, 2):
                    stage["batch_size"] += 1
                self._train_on_posterior(posterior_epochs, **stage, **shared)
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)

    def _run_stage(self, max_epochs: int | None, plan_kwargs: dict[str, Any] | None, **kwargs: Any) -> None:
        # reading activities puts the module into evaluation mode, where dropout is off
        self.module.train()
        super().train(max_epochs=max_epochs, plan_kwargs=plan_kwargs, **kwargs)

    def _train_on_posterior(self, max_epochs: int, **kwargs: Any) -> None:
        history = self.history_
        self._training_plan_cls = PosteriorTrainingPlan
        try:
            self._run_stage(max_epochs, None, early_stopping=False, limit_val_batches=0, **kwargs)
        finally:
            del self._training_plan_cls
        # scvi-tools adds to what the history holds, and this is new to it
        if isinstance(history, dict):
            self.history_ = {**history, **self.trainer.logger.history}


@contextmanager
def _explained_if_out_of_memory(batch_size: int, device_budget: int | None) -> Iterator[None]:
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


def default_epochs(n_obs: int, batch_size: int) -> int:
    """Epochs that make about ``DEFAULT_STEPS`` gradient steps, within bounds."""
    steps_per_epoch = math.ceil(0.9 * n_obs / batch_size)
    return min(max(round(DEFAULT_STEPS / steps_per_epoch), MIN_EPOCHS), MAX_EPOCHS)


def default_posterior_epochs(n_obs: int, batch_size: int, max_epochs: int) -> int:
    """Epochs that make about ``POSTERIOR_STEPS`` gradient steps, within bounds."""
    steps_per_epoch = max(1, math.ceil(0.9 * n_obs / (POSTERIOR_BATCH_FACTOR * batch_size)))
    return min(math.ceil(POSTERIOR_STEPS / steps_per_epoch), MAX_POSTERIOR_EPOCHS, math.ceil(max_epochs / 2))
