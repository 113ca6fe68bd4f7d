"""Covariance of the posterior of the activities: the inverse of the Fisher information, of each cell.

Exactly, by Cholesky factors of each cell's matrix, latent x latent. Two programs interact only through genes they
share, so all cells' matrices are one product (cells x genes) @ (genes x sharing pairs).

Standard deviations alone cost far less. With ``A`` the inverse of the average cell's information and ``delta`` the
difference of a cell's information from the average's, the diagonal of the cell's inverse is, to first order,
``a - x`` with ``a`` the diagonal of ``A`` and ``x_p = sum_g delta_g (A W)_pg^2``: one matrix product for all cells.
Written as ``a / (1 + x / a)`` it is exact for a program that shares no genes, however far the cell is from the average.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from ._double import in_double
from ._information import Information
from ._refine import Point

# memory of one chunk of cells' matrices, latent x latent
CHUNK_BYTES = 2**28


class RunningMean:
    """Means over cells that come in several parts; for a single part they are exactly its means.

    Attributes
    ----------
    values
        Means over the cells so far.
    """

    def __init__(self) -> None:
        self.values: list[torch.Tensor] = []
        self.n_cells = 0

    def add(self, means: Sequence[torch.Tensor], n_cells: int) -> None:
        """Add the means of further cells."""
        self.n_cells += n_cells
        if not self.values:
            self.values = list(means)
            return
        pairs = zip(self.values, means, strict=True)
        self.values = [value + (mean - value) * (n_cells / self.n_cells) for value, mean in pairs]


@dataclass(frozen=True)
class AverageCell:
    """The average cell's covariance, from which the covariances of other cells are approximated.

    Attributes
    ----------
    covariance
        Inverse of the average information, latent x latent.
    of_counts
        Average information of the counts about their log rates, per gene.
    weight
        Loadings, centred where rates are normalised, latent x genes.
    """

    covariance: torch.Tensor
    of_counts: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, information: Information) -> AverageCell:
        """Average the information of some cells."""
        return cls.over([information])

    @classmethod
    def over(cls, parts: Iterable[Information]) -> AverageCell:
        """Average the information of cells that come in several parts, with one part in memory at a time."""
        mean = RunningMean()
        for information in parts:
            weight, n_cells = information.weight, information.of_counts.shape[1]
            moments = [information.of_counts.mean(1)]
            if information.share is not None:
                centre, spread = information.centre, information.spread
                cross = spread @ centre.T / n_cells
                square = (centre * information.total) @ centre.T / n_cells
                moments += [cross, square, centre.mean(1, keepdim=True)]
            mean.add(moments, n_cells)
        of_counts, *of_shares = mean.values
        centred = weight.dense()
        average = (centred * of_counts) @ centred.T
        if of_shares:
            cross, square, centre = of_shares
            average = average - cross - cross.T + square
            centred = centred - centre
        average.diagonal().add_(1)
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(in_double(average))).to(average.dtype)
        return cls(covariance.to(average.device), of_counts, centred)

    @cached_property
    def squares(self) -> torch.Tensor:
        """Squares of ``covariance @ weight``, latent x genes."""
        return (self.covariance @ self.weight).square_()

    def sd(self, information: Information) -> torch.Tensor:
        """Approximate the standard deviation of each cell's activities, latent x cells."""
        average = self.covariance.diagonal()[:, None]
        change = self.squares @ (information.of_counts - self.of_counts[:, None])
        variance = average / (1 + change / average).clamp(min=1e-6)
        # at most the prior's, and at least the one if all other activities were known
        return variance.clamp(max=1).maximum(1 / information.diagonal()).sqrt()


@dataclass(frozen=True)
class SharedGenes:
    """Pairs of latent dimensions with a gene in common, and the products of their loadings.

    Attributes
    ----------
    first, second
        Latent dimensions of each pair, ``first <= second``.
    products
        Sparse, pairs x genes: loading of ``first`` times loading of ``second``.
    """

    first: torch.Tensor
    second: torch.Tensor
    products: torch.Tensor


def shared_genes(weight: torch.Tensor) -> SharedGenes:
    """Find the pairs of rows of ``weight`` (latent x genes) that are non-zero together."""
    n_latent, n_genes = weight.shape
    gene, latent = weight.T.nonzero(as_tuple=True)
    per_gene = torch.bincount(gene, minlength=n_genes)
    # every ordered pair of entries within a gene: repeat each entry by the size of its gene
    start = torch.repeat_interleave(per_gene.cumsum(0) - per_gene, per_gene)
    size = torch.repeat_interleave(per_gene, per_gene)
    left = torch.repeat_interleave(torch.arange(len(gene), device=weight.device), size)
    within = torch.arange(len(left), device=weight.device) - torch.repeat_interleave(size.cumsum(0) - size, size)
    right = torch.repeat_interleave(start, size) + within
    keep = left <= right
    left, right = left[keep], right[keep]
    a, b, g = latent[left], latent[right], gene[left]
    code, pair = torch.unique(a * n_latent + b, return_inverse=True)
    values = weight[a, g] * weight[b, g]
    shape = (len(code), n_genes)
    # COO: torch warns that its CSR is in beta. Without checks by choice: some versions warn if nothing is chosen
    with torch.sparse.check_sparse_tensor_invariants(False):
        products = torch.sparse_coo_tensor(torch.stack([pair, g]), values, shape).coalesce()
    return SharedGenes(code // n_latent, code % n_latent, products)


def precision(information: Information, shared: SharedGenes) -> torch.Tensor:
    """Compute each cell's information as a matrix, cells x latent x latent."""
    n_latent, of_counts = len(information.weight), information.of_counts
    pairs = torch.sparse.mm(shared.products, of_counts).T
    matrix = pairs.new_zeros(len(pairs), n_latent, n_latent)
    matrix[:, shared.first, shared.second] = pairs
    matrix[:, shared.second, shared.first] = pairs
    if information.share is not None:
        # normalised rates: J = W - mean of W under the cell's shares, a correction of rank two
        centre = information.centre.T
        spread = information.spread.T - 0.5 * information.total[:, None] * centre
        matrix.baddbmm_(torch.stack([spread, centre], 2), torch.stack([centre, spread], 1), alpha=-1)
    matrix.diagonal(dim1=-2, dim2=-1).add_(1)
    return matrix


def precision_cholesky(information: Information, shared: SharedGenes) -> torch.Tensor:
    """Compute the lower Cholesky factor of each cell's information, cells x latent x latent."""
    return torch.linalg.cholesky(precision(information, shared))


def exact_posteriors(point: Point, shared: SharedGenes) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield mode, cells x latent, and Cholesky factor of the precision for successive chunks of the cells."""
    n_latent, n_cells = point.z.shape
    # several matrices of this size exist at a time
    size = max(1, CHUNK_BYTES // (4 * 4 * n_latent**2))
    for start in range(0, n_cells, size):
        index = torch.arange(start, min(start + size, n_cells), device=point.z.device)
        yield point.z[:, index].T, precision_cholesky(point.information[index], shared)


def marginal_sd(cholesky: torch.Tensor) -> torch.Tensor:
    """Compute the standard deviation of each dimension, cells x latent, from the precision's Cholesky factor."""
    identity = torch.eye(cholesky.shape[-1], dtype=cholesky.dtype, device=cholesky.device)
    inverse = torch.linalg.solve_triangular(cholesky, identity.expand_as(cholesky), upper=False)
    return inverse.square().sum(-2).sqrt()


def sample_posterior(mode: torch.Tensor, cholesky: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Draw samples from N(mode, precision^-1); ``noise`` is standard normal, ``(n_samples, n_cells, n_latent)``."""
    shift = torch.linalg.solve_triangular(cholesky.mT, noise.movedim(0, -1), upper=True)
    return mode + shift.movedim(-1, 0)
