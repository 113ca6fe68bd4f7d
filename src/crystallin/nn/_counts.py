"""Counts of a minibatch at their non-zeros."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass(frozen=True)
class SparseCounts:
    """Counts of some cells, of which most are zero.

    Attributes
    ----------
    cell, gene
        Position of each non-zero, int64, cell by cell.
    value
        Its count, float32.
    n_cells, n_genes
        Sizes.
    """

    cell: torch.Tensor
    gene: torch.Tensor
    value: torch.Tensor
    n_cells: int
    n_genes: int

    @classmethod
    def of(cls, counts: torch.Tensor | SparseCounts) -> SparseCounts:
        """Take the non-zeros of a cells x genes matrix; sparse counts are returned unchanged."""
        if isinstance(counts, SparseCounts):
            return counts
        cell, gene = counts.nonzero(as_tuple=True)
        return cls(cell, gene, counts[cell, gene], *counts.shape)

    def __len__(self) -> int:
        return self.n_cells

    def to(self, device: torch.device) -> SparseCounts:
        """Counts on ``device``."""
        return SparseCounts(
            self.cell.to(device), self.gene.to(device), self.value.to(device), self.n_cells, self.n_genes
        )

    def dense(self) -> torch.Tensor:
        """Cells x genes."""
        dense = self.value.new_zeros(self.n_cells, self.n_genes)
        dense[self.cell, self.gene] = self.value
        return dense

    @cached_property
    def total(self) -> torch.Tensor:
        """Sum of each cell's counts."""
        return self.value.new_zeros(self.n_cells).index_add(0, self.cell, self.value)

    @cached_property
    def flat(self) -> torch.Tensor:
        """Position of each non-zero in a genes x cells matrix, row by row."""
        return self.gene * self.n_cells + self.cell
