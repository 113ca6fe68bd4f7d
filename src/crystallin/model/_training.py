"""``train``: defaults, a reproducible split, two stages, and the best weights kept."""

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

logger = logging.getLogger(__name__)


class TrainingMixin:
    """``train`` with this model's defaults in front of scvi-tools' work."""

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
        """Train the model: encoder and decoder together, then the decoder on the exact posterior.

        The first stage is that of other variational autoencoders and keeps the weights with the lowest validation loss.
        The second is short, and makes up for what the encoder's Gaussian gets wrong: loadings that are too small, and
        intervals that are too wide.

        All arguments and the data are checked before anything is done. Ctrl-C ends the training early at any moment:
        the best weights so far are kept, and a warning says which. The model is left as it was if training fails, or
        is interrupted before its first epoch is complete.

        Parameters
        ----------
        max_epochs
            Epochs of the first stage; the learning rate is annealed over all of them. ``None`` aims at 2,000 gradient
            steps, between 10 and 400 epochs.
        accelerator, devices
            Hardware, see :class:`lightning.pytorch.Trainer`. With several devices each holds a replica of the model
            and takes its share of the cells; all start from the same parameters, worked out from all cells.
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
            File (``.ckpt``) that the state of the run is saved to after each epoch of either stage. A run that finds it
            goes on from there, with the same data and arguments, and the file is removed when training is done. On a
            single device the weights are those of a run that was not interrupted.
        datasplitter_kwargs
            To :class:`scvi.dataloaders.DataSplitter`.
        plan_kwargs
            To the training plan of the first stage: ``lr`` and others.
        datamodule
            Source of minibatches instead of the AnnData.
        **kwargs
            To :class:`scvi.train.Trainer`. ``enable_progress_bar`` is ``True`` in a terminal or notebook unless
            given. ``precision`` can only be single, the default. Logger, profiler and ``callbacks`` serve both stages,
            except for callbacks that save checkpoints or watch a metric (``monitor``), which serve the first: the
            second stage has no validation. A callback finds the name of the stage in ``pl_module.stage``. What limits
            the length of the training (``max_steps``, ``limit_train_batches`` and the like) holds for the first stage.

        Raises
        ------
        TypeError, ValueError
            If an argument does not exist or is out of range, a device is not there, a checkpoint belongs to another
            model, there are no data, they were minified or hold no counts or size factors any more, or a query model
            has nothing to train.
        RuntimeError
            If memory runs out; the message names minibatch and budget.
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
                "Nothing is left to train: the query brings no new batches or categories. "
                "Use the model as it is (get_activity, crystallin.tl.activity)."
            )
            raise ValueError(msg)
        n_obs = None if self.adata is None else self.adata.n_obs
        settings = check_training(n_obs, self._random_state, **given, **kwargs)
        if settings.datamodule is None:
            # they may have been changed since they were registered
            self._check_data(self.adata)
        saved = self._saved_run(settings)
        if early_stopping and not settings.n_validation:
            logger.info("There are no validation cells, so training runs for all epochs and keeps the last weights.")
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
        """Where a run that was killed stood, if there is a checkpoint."""
        path = settings.checkpoint
        if path is None or not path.is_file():
            return None
        saved = read_checkpoint(path, self.module)
        if saved.stage not in [stage.name for stage in stages_of(settings)]:
            msg = (
                f"checkpoint={str(path)!r} was written in a second stage, which posterior_epochs=0 leaves out; give "
                "the arguments of the run that wrote it, or delete it to start afresh."
            )
            raise ValueError(msg)
        logger.info("Training goes on from %s.", path)
        return saved

    def _run_stage(self, stage: Stage, settings: TrainingSettings, saved: SavedRun | None, fallback: Fallback) -> None:
        """Run a stage of the training, from where it was saved if it was."""
        goes_on = saved is not None
        if goes_on:
            set_random_state(saved.random_state)
        # reading activities puts the module into evaluation mode, where dropout is off
        self.module.train()
        # a stage that goes on has its weights in the checkpoint, those here are older
        keeper = KeepWeights() if stage.keeps_best else KeepWeights(None, start=None if goes_on else self.module)
        save_state = None
        if settings.checkpoint is not None:
            save_state = SaveState(settings.checkpoint, stage.name, self.history_)
        with TemporaryDirectory() as folder:
            trainer_kwargs = dict(stage.trainer_kwargs)
            if use_distributed_sampler(trainer_kwargs["strategy"]):
                # the history comes from the first process by way of a file
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
            # as the stage left it, which had nothing left to do now
            set_random_state(saved.random_state)


def _check_not_minified(is_minified: bool) -> None:
    if is_minified:
        msg = "The data were minified, so there are no counts to train on. Train on the AnnData with counts."
        raise ValueError(msg)


def check_train_arguments(data: AnnData | int, /, **kwargs: Any) -> None:
    """Raise what :meth:`crystallin.ProgramVAE.train` would raise about its arguments, without a model.

    ``data`` are those to train on, or the number of their cells. Whether a checkpoint belongs to the model is not known
    before there is one.
    """
    if hasattr(data, "uns"):
        _check_not_minified(MINIFY_TYPE_UNS_KEY in data.uns)
        data = data.n_obs
    settings = check_training(data, 0, **kwargs)
    if settings.checkpoint is not None and settings.checkpoint.is_file():
        read_checkpoint(settings.checkpoint)
