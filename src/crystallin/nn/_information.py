"""Fisher information of activities, with products along the edges of the prior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from ._edges import Weight


@dataclass(frozen=True)
class Information:
    """Fisher information of some cells' activities, prior included: ``I + J' D J``.

    Attributes
    ----------
    weight
        Loadings.
    of_counts
        Information of each count about its log rate (``D``), genes x cells.
    share
        Each gene's share of the cell's rate where rates are normalised, else ``None``.
    """

    weight: Weight
    of_counts: torch.Tensor
    share: torch.Tensor | None

    def __getitem__(self, index: torch.Tensor) -> Information:
        """Some of the cells."""
        share = None if self.share is None else self.share[:, index]
        return Information(self.weight, self.of_counts[:, index], share)

    def put(self, index: torch.Tensor, other: Information) -> None:
        """Replace the information of some of the cells, in place."""
        self.of_counts[:, index] = other.of_counts
        if self.share is not None and other.share is not None:
            self.share[:, index] = other.share
        for name in ("total", "spread", "centre"):
            self.__dict__.pop(name, None)

    @cached_property
    def total(self) -> torch.Tensor:
        """Information of all counts of each cell."""
        return self.of_counts.sum(0)

    @cached_property
    def spread(self) -> torch.Tensor:
        """Information of the counts, summed along the loadings, latent x cells."""
        return self.weight.to_latent(self.of_counts)

    @cached_property
    def centre(self) -> torch.Tensor:
        """Change of a cell's log total rate with each activity, latent x cells; 0 where rates are not normalised."""
        return torch.zeros_like(self.spread) if self.share is None else self.weight.to_latent(self.share)

    def diagonal(self) -> torch.Tensor:
        """Information about each activity if all others were known, latent x cells."""
        squares = Weight(self.weight.edges, self.weight.values.square(), self.weight.unannotated.square())
        diagonal = 1 + squares.to_latent(self.of_counts)
        if self.share is None:
            return diagonal
        return diagonal + self.centre * (self.centre * self.total - 2 * self.spread)

    def log_rate_change(self, z: torch.Tensor) -> torch.Tensor:
        """Change of log rates with activities, genes x cells."""
        change = self.weight.to_genes(z)
        # the depth is fixed, so an increase of one gene is a decrease of the others
        return change if self.share is None else change - (self.share * change).sum(0)

    def to_latent(self, genes: torch.Tensor) -> torch.Tensor:
        """Convert derivatives by log rates, ``genes``, into derivatives by activities, latent x cells."""
        latent = self.weight.to_latent(genes)
        return latent if self.share is None else torch.addcmul(latent, self.centre, genes.sum(0), value=-1)

    def __matmul__(self, z: torch.Tensor) -> torch.Tensor:
        """Product with one vector for each cell, latent x cells."""
        genes = self.weight.to_genes(z)
        genes *= self.of_counts
        product = self.weight.to_latent(genes) + z
        if self.share is None:
            return product
        # centring by sums over the latent dimensions instead of matrices of genes x cells
        change = (self.centre * z).sum(0)
        product.addcmul_(self.spread, change, value=-1)
        return product.addcmul_(self.centre, change * self.total - (self.spread * z).sum(0))
