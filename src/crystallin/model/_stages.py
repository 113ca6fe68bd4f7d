"""Stages of a training, and the arguments of each for scvi-tools and Lightning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._callbacks import StopEarly
from ._compat import AnnDataManager, pl, set_datamodule_split, use_distributed_sampler
from ._convergence import Converged
from ._progress import StageProgress
from ._resident import ProgramDataSplitter
from ._settings import DEFAULT_BATCH_SIZE, TrainingSettings
from ._trainingplan import PosteriorTrainingPlan, ProgramTrainingPlan

# arguments of the trainer for both stages: where and how training runs, but not for how long
OF_BOTH_STAGES = (
    "benchmark",
    "default_root_dir",
    "detect_anomaly",
    "deterministic",
    "enable_model_summary",
    "gradient_clip_algorithm",
    "gradient_clip_val",
    "log_every_n_steps",
    "log_save_dir",
    "logger",
    "num_nodes",
    "plugins",
    "precision",
    "profiler",
    "strategy",
    "sync_batchnorm",
)


@dataclass(frozen=True)
class Stage:
    """One stage of a training.

    Attributes
    ----------
    plan
        Class of the training plan.
    keeps_best
        Whether to keep the weights of the epoch with the lowest validation loss, or else those of the last epoch.
    max_epochs, batch_size
        Number of epochs, and number of cells per minibatch.
    plan_kwargs, trainer_kwargs
        Arguments of plan and trainer.
    callbacks
        Callbacks of the caller, and those for early stopping and progress.
    """

    plan: type[ProgramTrainingPlan]
    keeps_best: bool
    max_epochs: int
    batch_size: int
    plan_kwargs: dict[str, Any]
    trainer_kwargs: dict[str, Any]
    callbacks: list[pl.Callback]

    @property
    def name(self) -> str:
        """Name of the stage in progress bar, messages and checkpoints."""
        return self.plan.stage


def stages_of(settings: TrainingSettings) -> list[Stage]:
    """Return the stages of a training in their order."""
    return [_joint_stage(settings)] + ([_posterior_stage(settings)] if settings.posterior_epochs else [])


def _joint_stage(settings: TrainingSettings) -> Stage:
    """Return the first stage: encoder and decoder together, as in other variational autoencoders."""
    stop = [] if settings.early_stopping is None else [StopEarly(**settings.early_stopping)]
    return Stage(
        plan=ProgramTrainingPlan,
        keeps_best=True,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        plan_kwargs=settings.plan_kwargs,
        trainer_kwargs=settings.trainer_kwargs,
        callbacks=[*settings.callbacks, *stop, *_progress(settings, ProgramTrainingPlan)],
    )


def _posterior_stage(settings: TrainingSettings) -> Stage:
    """Return the second stage: the decoder on samples of the exact posterior, without validation after each epoch."""
    shared = {name: value for name, value in settings.trainer_kwargs.items() if name in OF_BOTH_STAGES}
    return Stage(
        plan=PosteriorTrainingPlan,
        keeps_best=False,
        max_epochs=settings.posterior_epochs,
        batch_size=settings.posterior_batch_size,
        plan_kwargs={},
        trainer_kwargs=shared | {"limit_val_batches": 0},
        callbacks=[
            *filter(_serves_both_stages, settings.callbacks),
            *([] if settings.early_stopping is None else [Converged()]),
            *_progress(settings, PosteriorTrainingPlan),
        ],
    )


def minibatches(manager: AnnDataManager | None, stage: Stage, settings: TrainingSettings) -> pl.LightningDataModule:
    """Return the data of a stage, from the registered AnnData or the caller's own datamodule."""
    if settings.datamodule is not None:
        # scvi-tools does not change the minibatches of a datamodule unless batch_size is given to train
        batch_size = None if stage.batch_size == DEFAULT_BATCH_SIZE else stage.batch_size
        set_datamodule_split(settings.datamodule, None, None, True, batch_size)
        return settings.datamodule
    return ProgramDataSplitter(
        manager,
        batch_size=stage.batch_size,
        distributed_sampler=use_distributed_sampler(settings.trainer_kwargs["strategy"]),
        load_sparse_tensor=settings.load_sparse_tensor,
        **settings.datasplitter_kwargs,
    )


def _serves_both_stages(callback: pl.Callback) -> bool:
    """Return whether a callback neither saves weights nor monitors a metric (the second stage has no validation)."""
    return not isinstance(callback, pl.callbacks.Checkpoint) and getattr(callback, "monitor", None) is None


def _progress(settings: TrainingSettings, plan: type[ProgramTrainingPlan]) -> list[pl.Callback]:
    return [StageProgress(plan.stage)] if settings.own_progress_bar else []
