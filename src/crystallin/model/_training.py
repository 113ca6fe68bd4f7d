"""``train``: default settings, a reproducible split, two stages, and restored best weights."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ._callbacks import KeepWeights
from ._checkpoint import SavedRun, SaveState, partial_file, read_checkpoint
from ._compat import MINIFY_TYPE_UNS_KEY, use_distributed_sampler
from ._failures import Fallback, explained_if_out_of_memory, kept_if_interrupted
from ._process import process_settings_kept
from ._quiet import quiet
from ._resident import ProgramDataSplitter
from ._runner import ProgramTrainRunner
from ._seeding import seeded, set_random_state
from ._settings import TrainingSettings, check_training
from ._stages import Stage, minibatches, stages_of

if TYPE_CHECKING:
    from anndata import AnnData
    from lightning.pytorch import LightningDataModule

    from ._module import ProgramModule

logger = logging.getLogger(__name__)


class TrainingMixin:
    """``train`` with the defaults and checks of this model, on top of scvi-tools' training."""

    _random_state: int
    _data_splitter_cls = ProgramDataSplitter
    _train_runner_cls = ProgramTrainRunner

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
        """Train encoder and decoder together, and then the decoder on the exact posterior.

        The first stage is the usual training of a variational autoencoder and keeps the weights with the lowest
        validation loss. The second stage is short. It corrects errors that are due to the encoder's Gaussian
        approximation: loadings that are too small, and intervals that are too wide.

        All arguments and the data are checked before training starts. Ctrl-C ends the training early at any moment; the
        best weights so far are kept, and a warning says which. If training fails, or is interrupted before its first
        epoch is complete, the model is left unchanged.

        Parameters
        ----------
        max_epochs
            Number of epochs of the first stage, over which the learning rate decreases. ``None`` chooses a number with
            about 500 gradient steps, at most 400 epochs.
        accelerator, devices
            Hardware, see :class:`lightning.pytorch.Trainer`. With several devices, each has a copy of the model and
            processes a share of the cells. All copies start from the same parameters, which are estimated from all
            cells.
        train_size, validation_size
            Shares of the cells for training and validation; by default .9 and the rest, but validation has at most
            10,000 cells.
        shuffle_set_split
            Split the cells at random instead of in their order.
        batch_size
            Number of cells per minibatch.
        early_stopping
            Stop the first stage when the validation loss has not improved for a quarter of ``max_epochs`` (change this
            with ``early_stopping_patience``), and the second stage when it has converged: when 50 more steps raise the
            log-likelihood of validation cells by less than half a percent. The learning rate then decreases over a
            hundred more steps.
        posterior_epochs
            Largest number of epochs of the second stage. ``None`` chooses a number with at least 300 gradient steps,
            with minibatches of four times ``batch_size``, but at most 150 epochs and, if ``max_epochs`` is given, at
            most half of it. 0 leaves the second stage out.
        device_budget
            Largest number of bytes that the counts may take on the training device. Counts that fit are kept there as a
            sparse matrix for the whole training; otherwise they are sent from the AnnData minibatch by minibatch, which
            gives the same results. ``None`` uses half of an accelerator's free memory, and sets no limit on a CPU,
            where counts in memory are not copied. 0 always sends minibatches.
        checkpoint
            File (``.ckpt``) to which the state of the training is saved after each epoch of both stages. If the file
            exists, training continues from it; use the same data and arguments. The file is removed when training is
            complete. On a single device, the final weights are the same as without an interruption.
        datasplitter_kwargs
            Arguments of :class:`scvi.dataloaders.DataSplitter`.
        plan_kwargs
            Arguments of the training plan of the first stage, such as ``lr``.
        datamodule
            Source of minibatches to use instead of the AnnData.
        **kwargs
            Further arguments of :class:`scvi.train.Trainer`. ``enable_progress_bar`` is ``True`` in a terminal or
            notebook by default. ``precision`` can only be single precision, the default. Logger, profiler and
            ``callbacks`` are used in both stages, except for callbacks that save checkpoints or monitor a metric
            (``monitor``): these are used in the first stage only, because the second has no validation. Callbacks find
            the name of the stage in ``pl_module.stage``. Arguments that limit the length of the training
            (``max_steps``, ``limit_train_batches`` and similar ones) apply to the first stage.

        Raises
        ------
        TypeError, ValueError
            If an argument does not exist or is out of range, a device is not available, the checkpoint belongs to
            another model, there are no data, the data are minified or no longer have valid counts or size factors, or a
            query model has no parameters to train.
        RuntimeError
            If memory runs out; the message gives the sizes of minibatch and budget.
        KeyboardInterrupt
            If training is interrupted before its first epoch is complete, or twice during the first stage.

        Examples
        --------
        >>> model.train()  # doctest: +SKIP
        >>> cr.pl.history(model)  # doctest: +SKIP
        """
        given = {
            "max_epochs": max_epochs,
            "accelerator": accelerator,
            "devices": devices,
            "train_size": train_size,
            "validation_size": validation_size,
            "shuffle_set_split": shuffle_set_split,
            "batch_size": batch_size,
            "early_stopping": early_stopping,
            "posterior_epochs": posterior_epochs,
            "device_budget": device_budget,
            "checkpoint": checkpoint,
            "datasplitter_kwargs": datasplitter_kwargs,
            "plan_kwargs": plan_kwargs,
            "datamodule": datamodule,
        }
        _check_not_minified(self.module.minified_data_type is not None)
        if not any(parameter.requires_grad for parameter in self.module.parameters()):
            msg = (
                "There is nothing to train, because the query has no new batches or categories. "
                "Use the model without training (get_activity, crystallin.tl.activity)."
            )
            raise ValueError(msg)
        n_obs = None if self.adata is None else self.adata.n_obs
        settings = check_training(n_obs, self._random_state, **given, **kwargs)
        if settings.datamodule is None:
            # the data may have been changed since they were registered
            self._check_data(self.adata)
        _check_free_can_start(self.module, settings)
        saved = self._saved_run(settings)
        if early_stopping and not settings.n_validation:
            logger.info(
                "There are no validation cells, so training runs for all epochs and keeps the weights of the last one."
            )
        with (
            kept_if_interrupted(self) as fallback,
            quiet(),
            process_settings_kept(),
            seeded(self._random_state),
            explained_if_out_of_memory(settings.batch_size, device_budget),
        ):
            if saved is not None:
                self.history_ = saved.history
            elif not self.is_trained_:
                self.history_ = None
            for stage in stages_of(settings):
                if saved is None or saved.stage == stage.name:
                    self._run_stage(stage, settings, saved, fallback)
                    saved = None
            if settings.checkpoint is not None and self.trainer.is_global_zero:
                settings.checkpoint.unlink(missing_ok=True)
                partial_file(settings.checkpoint).unlink(missing_ok=True)

    def _saved_run(self, settings: TrainingSettings) -> SavedRun | None:
        """Return the saved state of an interrupted run, if there is a checkpoint."""
        path = settings.checkpoint
        if path is None or not path.is_file():
            return None
        saved = read_checkpoint(path, self.module)
        if saved.stage not in [stage.name for stage in stages_of(settings)]:
            msg = (
                f"checkpoint={str(path)!r} was written in the second stage, which posterior_epochs=0 leaves out. Give "
                "the same arguments as in the run that wrote it, or delete it to start again."
            )
            raise ValueError(msg)
        logger.info("Training continues from %s.", path)
        return saved

    def _run_stage(self, stage: Stage, settings: TrainingSettings, saved: SavedRun | None, fallback: Fallback) -> None:
        """Run a stage of the training, from its saved state if there is one."""
        goes_on = saved is not None
        if goes_on:
            set_random_state(saved.random_state)
        # computing activities puts the module into evaluation mode, in which dropout is off
        self.module.train()
        # the weights of a stage that continues are in the checkpoint, and those of the module are older
        keeper = KeepWeights() if stage.keeps_best else KeepWeights(None, start=None if goes_on else self.module)
        save_state = None
        if settings.checkpoint is not None:
            save_state = SaveState(settings.checkpoint, stage.name, self.history_)
        with TemporaryDirectory() as folder:
            trainer_kwargs = dict(stage.trainer_kwargs)
            if use_distributed_sampler(trainer_kwargs["strategy"]):
                # the history comes from the first process through a file
                trainer_kwargs.setdefault("log_save_dir", folder)
            runner = ProgramTrainRunner(
                self,
                training_plan=stage.plan(self.module, **stage.plan_kwargs),
                data_splitter=minibatches(self.adata_manager, stage, settings),
                fallback=fallback,
                save_state=save_state,
                max_epochs=stage.max_epochs,
                accelerator=settings.accelerator,
                devices=settings.devices,
                callbacks=[*stage.callbacks, keeper],
                ckpt_path=str(settings.checkpoint) if goes_on else trainer_kwargs.pop("ckpt_path", None),
                early_stopping=False,
                enable_progress_bar=settings.show_progress,
                simple_progress_bar=False,
                **trainer_kwargs,
            )
            runner()
        if goes_on and saved.finished:
            # the stage had been complete, so random states are those at its end
            set_random_state(saved.random_state)


def _check_not_minified(is_minified: bool) -> None:
    if is_minified:
        msg = "The data are minified, so there are no counts to train on. Train on the AnnData with counts."
        raise ValueError(msg)


def _check_free_can_start(module: ProgramModule, settings: TrainingSettings) -> None:
    there = bool(module.started) and module.decoder.n_free
    if len(module.decoder.unannotated) and not there and not settings.posterior_epochs:
        msg = (
            "Free programs start in the second stage of the training, but posterior_epochs="
            f"{settings.posterior_epochs} (max_epochs={settings.max_epochs}). Give posterior_epochs=1 or more, or "
            "max_epochs=2 or more without posterior_epochs; or build the model without n_unannotated."
        )
        raise ValueError(msg)


def check_train_arguments(data: AnnData | int, /, **kwargs: Any) -> None:
    """Raise the errors of :meth:`crystallin.ProgramVAE.train` about its arguments, without a model.

    ``data`` are the data to train on, or the number of cells. Whether a checkpoint belongs to the model cannot be
    checked without the model.
    """
    if hasattr(data, "uns"):
        _check_not_minified(MINIFY_TYPE_UNS_KEY in data.uns)
        data = data.n_obs
    settings = check_training(data, 0, **kwargs)
    if settings.checkpoint is not None and settings.checkpoint.is_file():
        read_checkpoint(settings.checkpoint)
