"""One stage of the training, from Lightning's start to the model's end, and Ctrl-C in between."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ._callbacks import KeepWeights
from ._checkpoint import SaveState, joined
from ._compat import TrainRunner

logger = logging.getLogger(__name__)


class ProgramTrainRunner(TrainRunner):
    """scvi-tools' runner, which survives Ctrl-C, prints nothing and saves the state of the run.

    Parameters
    ----------
    *args, **kwargs
        To :class:`scvi.train.TrainRunner`.
    save_state
        Saves the state of the run after each epoch.
    """

    def __init__(self, *args: Any, save_state: SaveState | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if save_state is not None:
            # Lightning takes them in its constructor only together with a checkpoint of its own
            self.trainer.callbacks.append(save_state)

    def _run_training_core(self) -> None:
        with _interruptible():
            try:
                self.trainer.fit(self.training_plan, self.data_splitter, ckpt_path=self.ckpt_path)
            except SystemExit as error:
                # what Lightning makes of the first Ctrl-C
                if not isinstance(error.__context__, KeyboardInterrupt):
                    raise
                self._keep_what_there_is()
                # which Lightning leaves out then
                self.data_splitter.teardown("fit")
        self._update_history()
        model = self.model
        model.train_indices = getattr(self.data_splitter, "train_idx", None)
        model.test_indices = getattr(self.data_splitter, "test_idx", None)
        model.validation_indices = getattr(self.data_splitter, "val_idx", None)
        model.module.eval()
        model.is_trained_ = True
        model.to_device(self.device)
        model.trainer = self.trainer

    def _keep_what_there_is(self) -> None:
        keep = next(callback for callback in self.trainer.callbacks if isinstance(callback, KeepWeights))
        if not keep.restore(self.model.module):
            msg = "Training was interrupted before its first epoch was complete; the model is as it was."
            raise KeyboardInterrupt(msg)
        kept = "those from before this stage" if keep.best_epoch is None else f"those of epoch {keep.best_epoch + 1}"
        logger.warning(
            "%s was interrupted in epoch %d of %d. The best weights so far are kept, %s, and the model can be used as "
            "it is.",
            self.training_plan.stage,
            self.trainer.current_epoch + 1,
            self.trainer.max_epochs,
            kept,
        )

    def _update_history(self) -> None:
        before = self.model.history_ if isinstance(self.model.history_, dict) else {}
        was_trained, self.model.is_trained_ = self.model.is_trained_, False
        super()._update_history()
        self.model.history_, self.model.is_trained_ = joined(before, self.model.history_ or {}), was_trained


@contextmanager
def _interruptible() -> Iterator[None]:
    """Put the handler of Ctrl-C back, which Lightning turns off for good at the first one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        # None: set by something else than Python
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
