"""The two stages of a training, and what each hands to scvi-tools and Lightning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._callbacks import StopEarly
from ._compat import AnnDataManager, pl, set_datamodule_split, use_distributed_sampler
from ._progress import StageProgress
from ._resident import ProgramDataSplitter
from ._settings import DEFAULT_BATCH_SIZE, TrainingSettings
from ._trainingplan import PosteriorTrainingPlan, ProgramTrainingPlan

# arguments of the trainer that say where and how things run, and not for how long: they hold for both stages
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
        Whether the weights of the epoch with the lowest validation loss are kept, rather than those of the last one.
    max_epochs, batch_size
        Its length, and cells per minibatch.
    plan_kwargs, trainer_kwargs
        Arguments of plan and trainer.
    callbacks
        Those of the caller, and those that come with the settings.
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
        """Name of the stage, as progress bar, messages and checkpoints have it."""
        return self.plan.stage


def stages_of(settings: TrainingSettings) -> list[Stage]:
    """Stages of a training in their order."""
    return [_joint_stage(settings)] + ([_posterior_stage(settings)] if settings.posterior_epochs else [])


def _joint_stage(settings: TrainingSettings) -> Stage:
    """Encoder and decoder together, as other variational autoencoders are trained."""
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
    """The decoder on samples of the exact posterior; a short stage without validation."""
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
            *_progress(settings, PosteriorTrainingPlan),
        ],
    )


def minibatches(manager: AnnDataManager | None, stage: Stage, settings: TrainingSettings) -> pl.LightningDataModule:
    """Data of a stage: of the registered AnnData, or the caller's own datamodule."""
    if settings.datamodule is not None:
        # scvi-tools leaves the size of a datamodule's minibatches as it is where train was not given one
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
    """Whether a callback neither watches a metric, as the second stage has none of validation, nor saves weights."""
    return not isinstance(callback, pl.callbacks.Checkpoint) and getattr(callback, "monitor", None) is None


def _progress(settings: TrainingSettings, plan: type[ProgramTrainingPlan]) -> list[pl.Callback]:
    return [StageProgress(plan.stage)] if settings.own_progress_bar else []
