"""One stage of the training, from Lightning's start to the model's end, and Ctrl-C at any moment of it."""

from __future__ import annotations

from typing import Any

from ._callbacks import KeepWeights
from ._checkpoint import SaveState, joined
from ._compat import TrainRunner
from ._failures import Fallback
from ._interrupts import interrupt_handler_kept, interrupts_deferred


class ProgramTrainRunner(TrainRunner):
    """scvi-tools' runner, which survives Ctrl-C, prints nothing and saves the state of the run.

    Parameters
    ----------
    *args, **kwargs
        To :class:`scvi.train.TrainRunner`.
    fallback
        Is told when the model has weights that are worth keeping.
    save_state
        Saves the state of the run after each epoch.
    """

    def __init__(self, *args: Any, fallback: Fallback, save_state: SaveState | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fallback, self.finished, self.twice = fallback, False, False
        self.history = self.model.history_ if isinstance(self.model.history_, dict) else {}
        # a logger of the caller's serves both stages, and still has the metrics of the first in the second
        told = getattr(self.trainer.logger, "history", None)
        # loggers of other processes keep none
        self.told = {name: values.copy() for name, values in told.items()} if isinstance(told, dict) else {}
        if save_state is not None:
            # Lightning takes them in its constructor only together with a checkpoint of its own
            self.trainer.callbacks.append(save_state)

    @property
    def keeper(self) -> KeepWeights:
        """The callback that has the best weights."""
        return next(callback for callback in self.trainer.callbacks if isinstance(callback, KeepWeights))

    def _run_training_core(self) -> None:
        with interrupt_handler_kept():
            try:
                self._fit()
                self._finish(ended=True)
            except KeyboardInterrupt:
                # which may have come when all was done, or nothing
                if not (self.finished or self.twice) and self.keeper.has_weights:
                    self._finish(ended=self._has_ended())
                raise

    def _fit(self) -> None:
        try:
            self.trainer.fit(self.training_plan, self.data_splitter, ckpt_path=self.ckpt_path)
        except SystemExit as error:
            # what Lightning makes of the first Ctrl-C
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            # which it leaves out then
            self.data_splitter.teardown("fit")
            raise KeyboardInterrupt from None
        except KeyboardInterrupt as error:
            # Lightning lets through only what comes while it deals with the first one
            self.twice = self.trainer.interrupted
            if not self.twice:
                raise
            when = f"{self.training_plan.stage} was interrupted twice"
            if self.fallback.when is not None:
                self.fallback.when = when
            msg = f"{when}; the model is as it was."
            raise KeyboardInterrupt(msg) from error

    def _has_ended(self) -> bool:
        trainer = self.trainer
        return self.keeper.restored or trainer.should_stop or trainer.current_epoch >= trainer.max_epochs

    def _finish(self, *, ended: bool) -> None:
        """Make the model what the best weights say, whole; a second call makes up for what a first one left out."""
        with interrupts_deferred():
            self.keeper.restore(self.model.module)
            self._update_history()
            model = self.model
            model.train_indices = getattr(self.data_splitter, "train_idx", None)
            model.test_indices = getattr(self.data_splitter, "test_idx", None)
            model.validation_indices = getattr(self.data_splitter, "val_idx", None)
            model.module.eval()
            model.is_trained_ = True
            model.to_device(self.device)
            model.trainer = self.trainer
            self.fallback.keep(self._when(ended), self._kept(ended))
            self.finished = True

    def _when(self, ended: bool) -> str:
        """Moment of an interruption from now on, in words."""
        trainer, stage = self.trainer, self.training_plan.stage
        if ended:
            return f"{stage} was interrupted after its last epoch"
        return f"{stage} was interrupted in epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"

    def _kept(self, ended: bool) -> str:
        """Which weights are kept then, in words."""
        epoch = self.keeper.best_epoch
        if epoch is not None:
            return f"those of epoch {epoch + 1}"
        # only the processes that Lightning started know of the epochs, if it did
        return "those at its end" if ended else "those from before this stage"

    def _update_history(self) -> None:
        # scvi-tools' own way of adding to a history has no place for metrics that are new
        self.model.is_trained_ = False
        super()._update_history()
        history = self.model.history_ or {}
        new = {name: values for name, values in history.items() if not values.equals(self.told.get(name))}
        self.model.history_ = joined(self.history, new)
