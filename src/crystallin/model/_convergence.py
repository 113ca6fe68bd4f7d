"""End the second stage when the model explains unseen cells no better any more."""

from __future__ import annotations

import logging
from typing import Any

import torch

from crystallin.nn import refine

from ._compat import pl
from ._replicas import total_over
from ._trainingplan import N_DECAY

logger = logging.getLogger(__name__)

# steps between two looks at a minibatch of cells that are not trained on
CHECK_EVERY = 25
# The stage has converged if the log-likelihood of an unseen cell rises by less than this share of its size within this
# number of looks.
MIN_GAIN, N_LOOKS = 5e-3, 2


class Converged(pl.Callback):
    """Start the last steps of the second stage, with a decreasing learning rate, when it has converged.

    Convergence is judged by the marginal log-likelihood of cells that are not trained on, as Laplace's approximation
    with the information's diagonal gives it. Without such cells, the stage takes all its steps.

    On simulated and real cells, this log-likelihood rises fast, levels off after 50 to 200 steps, and falls slowly in
    small data sets with many programs. Activities of unseen cells then only follow the noise of the steps.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self._cells: dict[str, torch.Tensor] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find cells to look at."""
        find = getattr(trainer.datamodule, "val_dataloader", list)
        # loaders draw from the global generator, whose state must not depend on where an interrupted run goes on
        with torch.random.fork_rng(devices=[]):
            first = next(iter(find() or ()), None)
        # all processes look, or none
        found = total_over(trainer)(torch.tensor(float(first is not None)))
        self._cells = first if found == trainer.world_size else None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Look at the cells from time to time; stop after the last step."""
        step = pl_module.global_step
        # the last steps of the schedule have a decreasing learning rate anyway
        is_open = pl_module.decays_from is None and step < trainer.estimated_stepping_batches - N_DECAY
        if is_open and self._cells is not None and step % CHECK_EVERY == 0:
            self.values.append(self._log_likelihood(trainer, pl_module))
            if self._has_converged():
                pl_module.decays_from = step
                logger.info("The second stage has converged after %d steps.", step)
        if pl_module.decays_from is not None and step >= pl_module.decays_from + N_DECAY:
            trainer.should_stop = True

    def _has_converged(self) -> bool:
        if len(self.values) <= N_LOOKS:
            return False
        return self.values[-1] - self.values[-1 - N_LOOKS] < MIN_GAIN * abs(self.values[-1])

    @torch.no_grad()
    def _log_likelihood(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> float:
        """Return the approximate marginal log-likelihood of a cell."""
        module, total = pl_module.module, total_over(trainer)
        module.eval()
        cells, mean = module.posterior_start(self._cells)
        point = refine(cells, mean, module.decoder.weight().detach(), pl_module.average.covariance)
        value = (module.log_joint(self._cells, point.z) - 0.5 * point.information.diagonal().log().sum(0)).sum()
        module.train()
        sums = total(torch.stack([value, value.new_tensor(float(len(mean.T)))]))
        return (sums[0] / sums[1]).item()

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a run needs to continue from a checkpoint."""
        return {"values": self.values}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state."""
        self.values = state_dict["values"]
