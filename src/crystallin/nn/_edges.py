"""Weights that exist only on the edges of the prior, and their products with genes and programs of many cells.

Matrices are programs x cells and genes x cells, so that the products along the edges run over whole rows of cells,
which makes them fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import embedding_bag

# Share of edges among programs x genes above which the dense product is faster on a CPU, and the size above which it is
# not used because of its memory; see benchmarks/representation.py
DENSE_FROM = 0.2
MAX_DENSE = 2**26


@dataclass(frozen=True)
class _Order:
    """Edges in the order of their rows: column of each, start of each row, and position in the given order."""

    column: torch.Tensor
    start: torch.Tensor
    edge: torch.Tensor


class Edges(nn.Module):
    """Edges of the prior.

    Parameters
    ----------
    gene, program, sign
        Position of gene and program of each edge, and +1 or -1. Shape ``(n_edges,)``.
    n_genes, n_programs
        Sizes.
    """

    def __init__(
        self, gene: torch.Tensor, program: torch.Tensor, sign: torch.Tensor, *, n_genes: int, n_programs: int
    ) -> None:
        super().__init__()
        self.gene: torch.Tensor
        self.program: torch.Tensor
        self.sign: torch.Tensor
        self._by_gene_column: torch.Tensor
        self._by_gene_start: torch.Tensor
        self._by_gene_edge: torch.Tensor
        self._by_program_column: torch.Tensor
        self._by_program_start: torch.Tensor
        self._by_program_edge: torch.Tensor
        self.shape = (n_programs, n_genes)
        self.register_buffer("gene", gene)
        self.register_buffer("program", program)
        self.register_buffer("sign", sign)
        for name, row, column, n_rows in (
            ("by_gene", gene, program, n_genes),
            ("by_program", program, gene, n_programs),
        ):
            edge = torch.argsort(row, stable=True)
            size = torch.bincount(row, minlength=n_rows)
            # derived from the buffers above, so not saved; torch's offsets and indices must have the same type
            self.register_buffer(f"_{name}_column", column[edge].long(), persistent=False)
            self.register_buffer(f"_{name}_start", size.cumsum(0) - size, persistent=False)
            self.register_buffer(f"_{name}_edge", edge, persistent=False)

    def __len__(self) -> int:
        return len(self.gene)

    @property
    def by_gene(self) -> _Order:
        """Rows are genes, columns programs."""
        return _Order(self._by_gene_column, self._by_gene_start, self._by_gene_edge)

    @property
    def by_program(self) -> _Order:
        """Rows are programs, columns genes."""
        return _Order(self._by_program_column, self._by_program_start, self._by_program_edge)

    @property
    def dense_pays(self) -> bool:
        """Whether products go through a dense programs x genes matrix rather than along the edges."""
        size = self.shape[0] * self.shape[1]
        return size <= MAX_DENSE and (self.gene.is_cuda or len(self) >= DENSE_FROM * size)

    def dense(self, values: torch.Tensor) -> torch.Tensor:
        """Return a programs x genes matrix with ``values`` on the edges and 0 elsewhere (differentiable)."""
        return torch.zeros(self.shape, dtype=values.dtype, device=values.device).index_put(
            (self.program, self.gene), values
        )

    def to_genes(self, values: torch.Tensor, programs: torch.Tensor) -> torch.Tensor:
        """Multiply the transposed matrix of ``values`` by programs x cells: genes x cells (differentiable in both)."""
        if self.dense_pays:
            return self.dense(values).T @ programs
        return _Product.apply(values, programs, self.by_gene, self.by_program)

    def to_programs(self, values: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
        """Multiply the matrix of ``values`` by genes x cells: programs x cells (differentiable in both)."""
        if self.dense_pays:
            return self.dense(values) @ genes
        return _Product.apply(values, genes, self.by_program, self.by_gene)

    def inner(self, programs: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
        """Sum over cells of ``programs x genes`` for the program and gene of each edge."""
        if self.dense_pays:
            return (programs @ genes.T)[self.program, self.gene]
        return _inner(programs, genes, self.by_gene)

    def project_signs(self, values: torch.Tensor) -> torch.Tensor:
        """Return the nearest weights that have the prior's sign or are 0 (proximal step of the sign constraint)."""
        return torch.where(values * self.sign > 0, values, torch.zeros_like(values))


@dataclass(frozen=True)
class Weight:
    """Latent x genes matrix: programs on their edges, then free programs.

    Attributes
    ----------
    edges
        Edges of the prior.
    values
        Weight of each edge.
    unannotated
        Dense rows, unannotated x genes.
    """

    edges: Edges
    values: torch.Tensor
    unannotated: torch.Tensor

    def __len__(self) -> int:
        return self.edges.shape[0] + len(self.unannotated)

    def detach(self) -> Weight:
        """Return the same weights without a gradient."""
        return Weight(self.edges, self.values.detach(), self.unannotated.detach())

    def dense(self) -> torch.Tensor:
        """Latent x genes."""
        return torch.cat([self.edges.dense(self.values), self.unannotated])

    def rows(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Genes and weights of one latent dimension after the other."""
        order = self.edges.by_program
        sizes = torch.bincount(self.edges.program, minlength=self.edges.shape[0]).tolist()
        yield from zip(order.column.split(sizes), self.values[order.edge].split(sizes), strict=True)
        every = torch.arange(self.edges.shape[1], device=self.values.device)
        for row in self.unannotated:
            yield every, row

    def to_genes(self, latent: torch.Tensor) -> torch.Tensor:
        """Transpose of this matrix times latent x cells: genes x cells."""
        n_programs = self.edges.shape[0]
        genes = self.edges.to_genes(self.values, latent[:n_programs])
        return genes + self.unannotated.T @ latent[n_programs:] if len(self.unannotated) else genes

    def to_latent(self, genes: torch.Tensor) -> torch.Tensor:
        """Product of this matrix and genes x cells: latent x cells."""
        programs = self.edges.to_programs(self.values, genes)
        return torch.cat([programs, self.unannotated @ genes]) if len(self.unannotated) else programs


def _sum_over_columns(values: torch.Tensor, columns: torch.Tensor, order: _Order) -> torch.Tensor:
    """Compute a sparse matrix product: the weighted sum of the columns of each row."""
    return embedding_bag(
        order.column, columns.contiguous(), order.start, mode="sum", per_sample_weights=values[order.edge]
    )


def _inner(columns: torch.Tensor, rows: torch.Tensor, order: _Order) -> torch.Tensor:
    """Compute the inner product of column and row of each edge, the derivative of the sparse product by its values."""
    with torch.enable_grad():
        values = torch.zeros(len(order.edge), dtype=rows.dtype, device=rows.device, requires_grad=True)
        product = _sum_over_columns(values, columns.detach(), order)
    return torch.autograd.grad(product, values, rows)[0]


class _Product(torch.autograd.Function):
    """:func:`_sum_over_columns`, with the derivative by the columns as the same product the other way round.

    torch's own derivative by the columns adds up row by row and takes several times as long.
    """

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, columns: torch.Tensor, order: _Order, back: _Order) -> torch.Tensor:
        ctx.save_for_backward(values, columns)
        ctx.order, ctx.back = order, back
        return _sum_over_columns(values, columns, order)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        values, columns = ctx.saved_tensors
        (gradient,) = gradients
        by_values = _inner(columns, gradient, ctx.order) if ctx.needs_input_grad[0] else None
        by_columns = _sum_over_columns(values, gradient, ctx.back) if ctx.needs_input_grad[1] else None
        return by_values, by_columns, None, None
