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

# Newton decrement at which the mode at a point has converged
TOLERANCE = 1e-3


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

    def near(self) -> Iterator[blocks.Pull]:
        """Yield the pull at about the mode of each point."""
        for baseline, share, z in self.points:
            yield self._pull(baseline, share, z)

    def exactly(self) -> Iterator[blocks.Pull]:
        """Yield the pull at the mode of each point."""
        for baseline, share, z in self.points:
            yield self._pull(baseline, share, self._refined(baseline, share, z))

    def drawn(self, rng: np.random.Generator) -> tuple[blocks.Pull, blocks.Pull]:
        """Return pulls at a random point for each cell: at the mode, and at about the mode."""
        n_cells = self.mode.shape[1]
        # the points of all cells together are spread evenly over the path
        u = (rng.permutation(n_cells) + rng.random(n_cells)) / n_cells
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weights), u), len(self.weights) - 1)
        share, baseline, z = self.mode.new_empty(n_cells), torch.empty_like(self.cells.counts), self.mode.clone()
        for point, (counts, t, about) in enumerate(self.points):
            here = torch.as_tensor(np.flatnonzero(chosen == point), device=z.device)
            share[here], z[:, here], baseline[:, here] = t, about[:, here], counts[:, here]
        return self._pull(baseline, share, self._refined(baseline, share, z)), self._pull(baseline, share, z)

    @cached_property
    def points(self) -> list[tuple[torch.Tensor, float, torch.Tensor]]:
        """The baseline's counts, the share of the way from there, and about the mode of each point."""
        shares, found = [share for share, _ in self.path.nodes], []
        for baseline in self.baselines:
            modes = blocks.near_modes(self.cells, self.mode, self.weight, self.preconditioner, baseline, shares)
            found += [(baseline, share, z) for share, z in zip(shares, modes, strict=True)]
        return found

    def _pull(self, baseline: torch.Tensor, share: float | torch.Tensor, z: torch.Tensor) -> blocks.Pull:
        return self.path.pull(self._between(baseline, share), z, self.weight, self.cells.counts - baseline)

    def _refined(self, baseline: torch.Tensor, share: float | torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        between = self._between(baseline, share)
        return blocks.refine(between, z, self.weight, self.preconditioner, tolerance=TOLERANCE).z

    def _between(self, baseline: torch.Tensor, share: float | torch.Tensor) -> blocks.Cells:
        return replace(self.cells, counts=baseline + share * (self.cells.counts - baseline))
