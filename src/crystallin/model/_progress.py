"""Progress bar of the training, with the name of the stage."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm

from ._compat import pl


class StageProgress(pl.callbacks.ProgressBar):
    """Progress bar for one stage, which counts epochs, on standard error.

    Parameters
    ----------
    label
        Name of the stage.
    """

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label
        self._enabled = True
        self._bar: tqdm | None = None

    def enable(self) -> None:
        """Show the bar."""
        self._enabled = True

    def disable(self) -> None:
        """Do not show the bar; Lightning calls this in all processes except the first."""
        self._enabled = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the bar."""
        if self._enabled:
            done = trainer.current_epoch
            self._bar = tqdm(desc=self.label, total=trainer.max_epochs, initial=done, unit="epoch", file=sys.stderr)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Advance the bar by one epoch."""
        if self._bar is not None:
            metrics = {name: value for name, value in self.get_metrics(trainer, pl_module).items() if name != "v_num"}
            self._bar.set_postfix(metrics, refresh=False)
            self._bar.update()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar and leave it on the screen."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the bar, so that the next message starts on a new line."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_bar": None}
