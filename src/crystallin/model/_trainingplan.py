"""Training plans of both stages: start from the data, annealed learning rates and sign constraint."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch

from crystallin.nn import AverageCell

from ._compat import LossOutput, TrainingPlan
from ._free import start_free
from ._replicas import make_alike, total_over
from ._unmeasured import typical_information

# number of steps of the second stage for which the same average cell is used
STEPS_PER_AVERAGE = 50
# number of steps at its end in which the learning rate decreases
N_DECAY = 100


class ProgramTrainingPlan(TrainingPlan):
    """:class:`~scvi.train.TrainingPlan` with other defaults and some additions.

    * before the first step, the parameters are initialised from the training data; * the learning rate follows a cosine
    from ``lr`` to a hundredth of it; * after each step, loadings are projected onto the signs of the prior; * steps use
    the module's own loss, and metrics are summed up here and logged once per epoch under scvi-tools' names, because
    logging at each step takes as long as a small step itself.

    Parameters
    ----------
    module
        The module.
    lr
        Learning rate at the start. Higher rates lead further away from the initial parameters, which are the same for
        all seeds. They give slightly better fits of large collections, and less agreement between seeds.
    eps, weight_decay
        Parameters of Adam. There is no weight decay, because the Gaussian prior of the activities already fixes the
        scale of the loadings.
    n_epochs_kl_warmup
        Number of epochs over which the weight of the KL term rises to 1. scvi-tools' default of 400 is longer than most
        runs.
    **kwargs
        Further arguments of :class:`~scvi.train.TrainingPlan`.
    """

    # name of this stage of the training, and whether free programs start with it: named programs are fitted first
    stage = "Training"
    starts_free = False

    def __init__(
        self,
        module: Any,
        *,
        lr: float = 1e-3,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        n_epochs_kl_warmup: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module, lr=lr, eps=eps, weight_decay=weight_decay, n_epochs_kl_warmup=n_epochs_kl_warmup, **kwargs
        )
        # sums over the cells of the epoch so far, for "train" and "validation"
        self._sums: dict[str, torch.Tensor] = {}
        # of a count of each gene in a typical cell
        self._information: torch.Tensor | None = None

    def on_train_start(self) -> None:
        """Initialise the parameters from the training data, unless this was done before."""
        if not bool(self.module.started):
            self.module.start_from(self.trainer.train_dataloader, total_over(self.trainer))
            # Lightning synchronised the replicas before this
            make_alike(self.module, self.trainer)
        decoder = self.module.decoder
        if self.starts_free and len(decoder.unannotated) and not decoder.n_free and decoder.loadings.requires_grad:
            start_free(self.module, self.trainer.train_dataloader, total_over(self.trainer))
            make_alike(self.module, self.trainer)
        if len(decoder.unannotated):
            information = typical_information(self.module)
            self._information = torch.as_tensor(information, dtype=torch.float32, device=self.device)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        """Loss of a minibatch."""
        return self._add(self.module.training_loss(batch, self.kl_weight), "train")

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Add a minibatch to the validation metrics."""
        self._add(self.module.training_loss(batch, self.kl_weight), "validation")

    def on_train_epoch_end(self) -> None:
        """Log the metrics of the training minibatches."""
        self._log_sums("train")

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the validation minibatches."""
        self._log_sums("validation")

    def _add(self, output: LossOutput, mode: str) -> torch.Tensor:
        n_cells = output.n_obs_minibatch
        loss, reconstruction = output.loss.detach(), output.reconstruction_loss_sum.detach()
        # a plain number in the second stage, which has no KL term
        kl = torch.as_tensor(output.kl_local_sum, device=loss.device).detach()
        sums = torch.stack([reconstruction, kl, n_cells * loss, torch.full_like(loss, n_cells)])
        self._sums[mode] = self._sums[mode] + sums if mode in self._sums else sums
        return output.loss

    def _log_sums(self, mode: str) -> None:
        reconstruction, kl, loss, n_cells = self._total(mode)
        per_cell = {
            f"{mode}_loss": loss / n_cells,
            f"elbo_{mode}": (reconstruction + kl) / n_cells,
            f"reconstruction_loss_{mode}": reconstruction / n_cells,
            f"kl_local_{mode}": kl / n_cells,
        }
        for name, value in per_cell.items():
            self.log(name, value, prog_bar=name == "train_loss", sync_dist=self.use_sync_dist)

    def _total(self, mode: str) -> torch.Tensor:
        """Return the sums over the minibatches of all replicas, which may have different numbers of cells."""
        return total_over(self.trainer)(self._sums.pop(mode))

    def configure_optimizers(self) -> dict[str, Any]:
        """Return Adam with cosine annealing per step."""
        config = super().configure_optimizers()
        if "lr_scheduler" not in config:
            n_steps = max(int(self.trainer.estimated_stepping_batches), 1)

            scheduler = torch.optim.lr_scheduler.LambdaLR(
                config["optimizer"], lambda step: self.annealed(step, n_steps)
            )
            config["lr_scheduler"] = {"scheduler": scheduler, "interval": "step"}
        return config

    def annealed(self, step: int, n_steps: int) -> float:
        """Return the learning rate after ``step`` of ``n_steps`` steps, as a share of that at the start."""
        return _cosine(step / n_steps)

    def _optimizer_creator_fn(self, optimizer_cls: Any) -> Any:
        """Return a function that creates Adam, in its fused form if the device supports it."""
        fused = self.module.device.type in ("cpu", "cuda")
        return partial(optimizer_cls, lr=self.lr, eps=self.eps, weight_decay=self.weight_decay, fused=fused)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, then project the loadings onto the prior's signs."""
        super().optimizer_step(*args, **kwargs)
        # in a query model, loadings are frozen and must not change at all
        if self.module.decoder.loadings.requires_grad:
            self.module.decoder.project_(self._information)


class PosteriorTrainingPlan(ProgramTrainingPlan):
    """Training plan of the second stage, in which the decoder is fitted to samples from the exact posterior.

    The evidence lower bound is tight only if the posterior is the encoder's diagonal Gaussian. Since it is not,
    loadings that are too small and dispersions that are too large increase the bound. Samples from the refined
    posterior remove this bias (see :meth:`ProgramModule.posterior_loss`).

    Parameters
    ----------
    module
        The module.
    lr
        Learning rate of the decoder. It stays the same until the last steps, in which it follows a cosine to a
        hundredth of it: see :class:`Converged`. It is high because expectation maximisation converges slowly if cells
        hold little information on their activities.
    encoder_lr
        Learning rate of the encoder at the start.
    **kwargs
        Further arguments of :class:`ProgramTrainingPlan`.
    """

    stage = "Posterior stage"
    starts_free = True

    def __init__(self, module: Any, *, lr: float = 2e-2, encoder_lr: float = 2e-3, **kwargs: Any) -> None:
        super().__init__(module, lr=lr, **kwargs)
        self.encoder_lr = encoder_lr
        self.average: AverageCell | None = None
        # step from which the learning rate decreases, because the stage has converged
        self.decays_from: int | None = None

    def annealed(self, step: int, n_steps: int) -> float:
        """Return the learning rate after ``step`` of ``n_steps`` steps, as a share of that at the start."""
        n_decay = min(N_DECAY, n_steps)
        start = n_steps - n_decay if self.decays_from is None else self.decays_from
        return _cosine(max(step - start, 0) / n_decay)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        """Loss of a minibatch."""
        # loadings change little between steps, and the average cell is used as a preconditioner only
        if self.average is None or self.global_step % STEPS_PER_AVERAGE == 0:
            self.average = self.module.average_cell(batch)
        return self._add(self.module.posterior_loss(batch, self.average), "posterior")

    def on_train_epoch_end(self) -> None:
        """Log the metrics of the minibatches."""
        reconstruction, _, _, n_cells = self._total("posterior")
        self.log("reconstruction_loss_posterior", reconstruction / n_cells, prog_bar=True, sync_dist=self.use_sync_dist)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the average cell as well, because it is used for some more steps."""
        average = self.average
        checkpoint["average_cell"] = (
            None if average is None else [average.covariance, average.of_counts, average.weight]
        )
        checkpoint["decays_from"] = self.decays_from

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the average cell and the start of the last steps."""
        self.decays_from = checkpoint["decays_from"]
        saved = checkpoint["average_cell"]
        self.average = None if saved is None else AverageCell(*(part.to(self.device) for part in saved))

    def get_optimizer_creator(self) -> Any:
        """Return a function that creates Adam with two learning rates, and a smaller second beta than the default."""

        def create(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
            of_encoder = {id(parameter) for parameter in self.module.z_encoder.parameters()}
            groups: dict[bool, list[torch.nn.Parameter]] = {False: [], True: []}
            for parameter in parameters:
                groups[id(parameter) in of_encoder].append(parameter)
            rates = {False: self.lr, True: self.encoder_lr}
            make = self._optimizer_creator_fn(torch.optim.Adam)
            return make([{"params": group, "lr": rates[key]} for key, group in groups.items()], betas=(0.9, 0.99))

        return create


def _cosine(share: float) -> float:
    """Return the value of a half cosine from 1 to a hundredth."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
