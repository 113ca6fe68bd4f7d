"""Training on several devices, each with a replica of the model and some of the cells."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ._compat import pl


def total_over(trainer: pl.Trainer) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that adds up values over all replicas; with a single replica it returns them unchanged."""
    strategy = trainer.strategy
    if trainer.world_size == 1:
        return lambda x: x
    return lambda x: strategy.reduce(x.to(strategy.root_device), reduce_op="sum").to(x.device)


@torch.no_grad()
def make_alike(module: torch.nn.Module, trainer: pl.Trainer) -> None:
    """Give all replicas the weights of the first.

    Results computed from the same numbers may differ in the last digit, because accelerators add in any order.
    """
    if trainer.world_size > 1:
        for value in module.state_dict().values():
            torch.distributed.broadcast(value, src=0)
