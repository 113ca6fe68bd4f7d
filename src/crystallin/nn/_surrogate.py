"""A cheap stand-in for pulls, close enough that exact pulls of a few cells correct it for all others.

A pull is ``information^-1 J'`` times a term for each gene, with a matrix for each cell. The stand-in has the average
cell's matrix ``A`` instead. Where a cell's counts have more information than the average's, by ``delta``, it is scaled
to the variance of the cell's own activities and, as the gene's own part in that works on its term in full rather than
on the variance of one program, corrected for it (Sherman & Morrison 1950, Ann Math Stat 21:124):

    pull_kg = (A W)_kg  v_k / A_kk  term_g / (1 + delta_g W_g' A W_g)  (1 + delta_g (A W)_kg^2 v_k / A_kk^2)

with ``v`` as in :class:`AverageCell`. Its sum over cells is two matrix products, and no cell needs a matrix. In the
average of attributions over many cells it is a control variate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch

from ._contributions import Pull
from ._covariance import AverageCell
from ._information import Information
from ._rows import rows_of

# where the parts of single genes are larger than these, they are cut, as they are only known to first order
MOST_OWN, LEAST_OWN = 0.3, 0.5


@dataclass(frozen=True)
class Surrogate:
    """The average cell's part of a pull, for wanted latent dimensions or combinations of them (see ``rows_of``).

    Attributes
    ----------
    reach
        Effect of each gene's term in the average cell (``A W``), wanted x genes.
    variance, most
        Variance of what is wanted in the average cell (``A_kk``) and in the prior, wanted x 1.
    of_counts
        Information of the average cell's counts, genes x 1.
    hold
        How much of a gene's log rate activities can change in the average cell (``W_g' A W_g``), genes x 1.
    """

    reach: torch.Tensor
    variance: torch.Tensor
    most: torch.Tensor
    of_counts: torch.Tensor
    hold: torch.Tensor

    @classmethod
    def over(cls, parts: Iterable[Information], wanted: torch.Tensor) -> Surrogate:
        """Average the information of some cells, which may come in several parts."""
        average = AverageCell.over(parts)
        covariance, weight = average.covariance, average.weight
        directions = rows_of(torch.eye(len(covariance), dtype=weight.dtype, device=weight.device), wanted)
        rows = directions @ covariance
        # combinations without weights have no variance
        tiny = torch.finfo(weight.dtype).tiny
        variance = (rows * directions).sum(1, keepdim=True).clamp(min=tiny)
        most = directions.square().sum(1, keepdim=True).clamp(min=tiny)
        hold = (weight * (covariance @ weight)).sum(0)[:, None]
        return cls(rows @ weight, variance, most, average.of_counts[:, None], hold)

    @cached_property
    def part(self) -> torch.Tensor:
        """Part of each gene in the information on what is wanted, per unit of its own, wanted x genes."""
        return self.reach.square() / self.variance

    def total(self, pull: Pull) -> torch.Tensor:
        """Return the effect of each gene, summed over the cells, wanted x genes."""
        delta = pull.information.of_counts - self.of_counts
        # variance over that of the average cell, and at most the prior's
        scale = 1 / (1 + self.part @ delta).maximum(self.variance / self.most)
        own = pull.terms / (1 + delta * self.hold).clamp(min=LEAST_OWN)
        limit = MOST_OWN / self.part.amax(0)[:, None]
        twice = own * delta.minimum(limit).maximum(-limit)
        return self.reach * (scale @ own.T + self.part * (scale.square() @ twice.T))

    def leverage(self, pull: Pull) -> torch.Tensor:
        """Return how far each cell can move any of the means, up to a factor: its largest effect of a gene."""
        return (self.reach.abs().amax(0)[:, None] * pull.terms).abs().amax(0)
