"""Some cells at points of the paths from their baselines, for attributions that are estimated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from crystallin import nn as blocks

from ._explained import Question


class OnPath:
    """Some cells at the points of their paths from all baselines.

    Attributes
    ----------
    weights
        Weight of each point.
    """

    def __init__(
        self, question: Question, path: blocks.Path, tensors: dict[str, Any], preconditioner: torch.Tensor
    ) -> None:
        self.path, self.weight, self.preconditioner = path, question.weight, preconditioner
        self.cells, start = question.module.posterior_start(tensors)
        self.mode = blocks.refine(self.cells, start, self.weight, preconditioner).z
        self.baselines = question.baselines(self.cells)
        self.weights = [weight / len(self.baselines) for _ in self.baselines for _, weight in path.nodes]

    def __len__(self) -> int:
        return self.mode.shape[1]

    def near(self) -> Iterator[blocks.Pull]:
        """Yield the pull at about the mode of each point."""
        for baseline, share, z in self.points:
            yield self._pull(baseline, share, z)

    def exactly(self) -> Iterator[blocks.Pull]:
        """Yield the pull at the mode of each point."""
        for baseline, share, z in self.points:
            mode = blocks.refine(self._between(baseline, share), z, self.weight, self.preconditioner).z
            yield self._pull(baseline, share, mode)

    def drawn(self, rng: np.random.Generator, times: int) -> tuple[blocks.Pull, blocks.Pull]:
        """Return pulls at random points of each cell's path, at the mode and at about the mode.

        There are ``times`` points for each cell: all cells once, then all again, and so on.
        """
        n_cells, device = len(self), self.mode.device
        repeated = self.cells[torch.arange(n_cells, device=device).repeat(times)]
        # each time the points of all cells together are spread evenly over the path
        u = np.concatenate([(rng.permutation(n_cells) + rng.random(n_cells)) / n_cells for _ in range(times)])
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weights), u), len(self.weights) - 1)
        share, z = self.mode.new_empty(len(chosen)), self.mode.new_empty(len(self.mode), len(chosen))
        baseline = torch.empty_like(repeated.counts)
        for point, (counts, t, about) in enumerate(self.points):
            here = np.flatnonzero(chosen == point)
            there, cell = (torch.as_tensor(index, device=device) for index in (here, here % n_cells))
            share[there], z[:, there], baseline[:, there] = t, about[:, cell], counts[:, cell]
        difference = repeated.counts - baseline
        between = replace(repeated, counts=baseline + share * difference)
        mode = blocks.refine(between, z, self.weight, self.preconditioner).z
        exact, near = (self.path.pull(between, at, self.weight, difference) for at in (mode, z))
        return exact, near

    @cached_property
    def points(self) -> list[tuple[torch.Tensor, float, torch.Tensor]]:
        """The baseline's counts, the share of the way from there, and about the mode of each point."""
        shares, found = [share for share, _ in self.path.nodes], []
        for baseline in self.baselines:
            modes = blocks.near_modes(self.cells, self.mode, self.weight, self.preconditioner, baseline, shares)
            found += [(baseline, share, z) for share, z in zip(shares, modes, strict=True)]
        return found

    def _pull(self, baseline: torch.Tensor, share: float, z: torch.Tensor) -> blocks.Pull:
        return self.path.pull(self._between(baseline, share), z, self.weight, self.cells.counts - baseline)

    def _between(self, baseline: torch.Tensor, share: float) -> blocks.Cells:
        return replace(self.cells, counts=baseline + share * (self.cells.counts - baseline))
