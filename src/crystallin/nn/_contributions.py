"""Contributions of genes to the refined activities.

At the mode the activities solve a weighted least-squares problem (the last step of iteratively reweighted least
squares). The log rate of each gene differs from that of a cell without activities by ``J z + s / D``, the part that the
model explains plus the residual, where ``J`` is the derivative of log rates by activities, ``D`` the information of a
count and ``s`` its score. The activity of a program is the sum over genes of this difference times a weight,
``(J H^-1)_gp D_g``, where ``H`` is the information of the cell. Genes outside the program have a weight only where
programs overlap.

Every attribution of the refined activity has this form, ``H^-1 J'`` times a term for each gene: a :class:`Pull`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ._covariance import SharedGenes, precision
from ._edges import Weight
from ._information import Information
from ._refine import Cells, solve
from ._rows import rows_of

# residual of the solution relative to that of its start; contributions sum to the activity with about this error
SOLVE_TO = 1e-5
# share of the latent dimensions up to which solving for each is faster than to invert a matrix for each cell
FEW = 0.025
# memory of one chunk of cells
CHUNK_BYTES = 2**28


@dataclass(frozen=True)
class Pull:
    """Effects of genes on the activities of some cells: ``information^-1 J'`` times a term for each gene.

    Attributes
    ----------
    information
        Information of the activities.
    terms
        Terms of the genes, genes x cells.
    cells
        Positions of the cells, if some of the cells asked for are left out.
    """

    information: Information
    terms: torch.Tensor
    cells: torch.Tensor | None = None

    def __getitem__(self, index: torch.Tensor) -> Pull:
        """Some of the cells, of a pull of all of them."""
        return Pull(self.information[index], self.terms[:, index], index)

    def __mul__(self, factor: float) -> Pull:
        """A part of it."""
        return Pull(self.information, factor * self.terms, self.cells)

    def sums(self, preconditioner: torch.Tensor) -> torch.Tensor:
        """Return the sum over all genes, latent x cells."""
        gradient = self.information.to_latent(self.terms)
        return solve(self.information, gradient, preconditioner, solve_to=SOLVE_TO)

    def chunks(self, shared: SharedGenes, wanted: torch.Tensor) -> Iterator[_Solved]:
        """Yield chunks of cells with the wanted rows of ``information^-1`` (see ``rows_of``), as memory allows."""
        n_latent, n_cells = len(self.information.weight), self.terms.shape[1]
        # several matrices of this size exist at a time
        size = max(1, CHUNK_BYTES // (4 * 4 * n_latent**2))
        for start in range(0, n_cells, size):
            index = torch.arange(start, min(start + size, n_cells), device=self.terms.device)
            information = self.information[index]
            inverse = rows_of(_inverse(precision(information, shared)), wanted)
            yield _Solved(inverse, information, self.terms[:, index])

    def total(self, shared: SharedGenes, wanted: torch.Tensor, preconditioner: torch.Tensor) -> torch.Tensor:
        """Return the effect of each gene, summed over the cells, wanted x genes, without a tensor over cells."""
        weight = self.information.weight
        if solves(len(wanted), len(weight)):
            unit = torch.eye(len(weight), dtype=self.terms.dtype, device=self.terms.device)
            return torch.stack([self.of_one(row, preconditioner).sum(1) for row in rows_of(unit, wanted)])
        # genes x wanted, so that the genes of a program are rows that are read and written as a whole
        total = self.terms.new_zeros(len(self.terms), len(wanted))
        for chunk in self.chunks(shared, wanted):
            rows, terms = chunk.inverse.permute(2, 0, 1).contiguous(), chunk.terms
            for latent, (genes, values) in enumerate(weight.rows()):
                if len(genes):
                    total.index_add_(0, genes, (terms[genes] * values[:, None]) @ rows[latent])
            if chunk.information.share is not None:
                centre = chunk.information.centre
                total -= terms @ torch.einsum("ckq,qc->ck", chunk.inverse, centre)
        return total.T

    def of_one(self, direction: torch.Tensor, preconditioner: torch.Tensor) -> torch.Tensor:
        """Return the effect of each gene on one combination of activities in each cell, genes x cells.

        This solves for the combination, without a matrix for each cell, and is faster if only few are wanted.
        """
        directions = direction[:, None].expand(-1, self.terms.shape[1])
        solution = solve(self.information, directions, preconditioner, solve_to=SOLVE_TO)
        return self.information.log_rate_change(solution) * self.terms

    def add_to(self, each: torch.Tensor, shared: SharedGenes, wanted: torch.Tensor) -> None:
        """Add the effect of each gene in each cell to an array of cells x wanted x genes."""
        weight = self.information.weight.dense()
        rows = torch.arange(len(each), device=each.device) if self.cells is None else self.cells
        for chunk in self.chunks(shared, wanted):
            pull = chunk.inverse @ weight
            if chunk.information.share is not None:
                # depth is given: what one gene gains the others lose
                pull = pull - torch.einsum("ckg,gc->ck", pull, chunk.information.share)[:, :, None]
            here, rows = rows[: len(pull)], rows[len(pull) :]
            each[here] += pull * chunk.terms.T[:, None, :]


@dataclass(frozen=True)
class _Solved:
    """Some cells of a pull, with ``inverse`` cells x wanted x latent."""

    inverse: torch.Tensor
    information: Information
    terms: torch.Tensor


def solves(n_wanted: int, n_latent: int) -> bool:
    """Whether totals are solved for one by one, because so few are wanted, instead of inverting matrices."""
    return n_wanted <= max(1, FEW * n_latent)


def departure(cells: Cells, z: torch.Tensor, weight: Weight) -> Pull:
    """Return the activities at the mode ``z`` as a pull: differences of log rates times information."""
    _, score, information = cells.counts_at(z, weight)
    # multiplied by the information, so that a gene without information does not cause a division by zero
    return Pull(information, information.of_counts * information.log_rate_change(z) + score)


def _inverse(matrices: torch.Tensor) -> torch.Tensor:
    """Invert symmetric matrices."""
    factors, failed = torch.linalg.cholesky_ex(matrices)
    inverses = torch.cholesky_inverse(factors)
    # they are positive definite at a mode, but may not be near it, where float32 stops
    if failed.any():
        rest = failed > 0
        # one by one, as MKL fails to invert several at a time with several threads
        inverses[rest] = torch.stack([torch.linalg.inv(matrix) for matrix in matrices[rest]])
    return inverses
