"""One stage of the training, which may be interrupted by Ctrl-C at any moment."""

from __future__ import annotations

from typing import Any

from ._callbacks import KeepWeights
from ._checkpoint import SaveState, joined
from ._compat import TrainRunner
from ._failures import Fallback
from ._interrupts import interrupt_handler_kept, interrupts_deferred


class ProgramTrainRunner(TrainRunner):
    """Runner of scvi-tools that handles Ctrl-C, prints nothing and saves the state of the run.

    Parameters
    ----------
    *args, **kwargs
        Arguments of :class:`scvi.train.TrainRunner`.
    fallback
        State to return to if training is interrupted; updated when the model has new weights.
    save_state
        Callback that saves the state of the run after each epoch.
    """

    def __init__(self, *args: Any, fallback: Fallback, save_state: SaveState | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fallback, self.finished, self.twice = fallback, False, False
        self.history = self.model.history_ if isinstance(self.model.history_, dict) else {}
        # a logger of the caller is used in both stages, and has the metrics of the first in the second
        told = getattr(self.trainer.logger, "history", None)
        # loggers of other processes have no history
        self.told = {name: values.copy() for name, values in told.items()} if isinstance(told, dict) else {}
        if save_state is not None:
            # Lightning's constructor accepts checkpoint callbacks only if its own checkpoints are enabled
            self.trainer.callbacks.append(save_state)

    @property
    def keeper(self) -> KeepWeights:
        """Callback that has the best weights."""
        return next(callback for callback in self.trainer.callbacks if isinstance(callback, KeepWeights))

    def _run_training_core(self) -> None:
        with interrupt_handler_kept():
            try:
                self._fit()
                self._finish(ended=True)
            except KeyboardInterrupt:
                # the interrupt may have come after the end of the stage, or before its first epoch
                if not (self.finished or self.twice) and self.keeper.has_weights:
                    self._finish(ended=self._has_ended())
                raise

    def _fit(self) -> None:
        try:
            self.trainer.fit(self.training_plan, self.data_splitter, ckpt_path=self.ckpt_path)
        except SystemExit as error:
            # Lightning turns the first Ctrl-C into SystemExit
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            # Lightning does not call teardown in this case
            self.data_splitter.teardown("fit")
            raise KeyboardInterrupt from None
        except KeyboardInterrupt as error:
            # Lightning passes on a KeyboardInterrupt only if it comes while the first one is handled
            self.twice = self.trainer.interrupted
            if not self.twice:
                raise
            when = f"{self.training_plan.stage} was interrupted twice"
            if self.fallback.when is not None:
                self.fallback.when = when
            msg = f"{when}. The model was left unchanged."
            raise KeyboardInterrupt(msg) from error

    def _has_ended(self) -> bool:
        trainer = self.trainer
        return self.keeper.restored or trainer.should_stop or trainer.current_epoch >= trainer.max_epochs

    def _finish(self, *, ended: bool) -> None:
        """Give the model the best weights and all that belongs to them; repeat the call if it was interrupted."""
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
        """Return a description of the moment of an interruption."""
        trainer, stage = self.trainer, self.training_plan.stage
        if ended:
            return f"{stage} was interrupted after its last epoch"
        return f"{stage} was interrupted in epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"

    def _kept(self, ended: bool) -> str:
        """Return a description of the weights that are kept."""
        epoch = self.keeper.best_epoch
        if epoch is not None:
            return f"those of epoch {epoch + 1}"
        # if Lightning started processes, only these know the epochs
        return "those at its end" if ended else "those from before this stage"

    def _update_history(self) -> None:
        # scvi-tools cannot add new metrics to an existing history
        self.model.is_trained_ = False
        super()._update_history()
        history = self.model.history_ or {}
        new = {name: values for name, values in history.items() if not values.equals(self.told.get(name))}
        self.model.history_ = joined(self.history, new)
