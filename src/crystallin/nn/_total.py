"""Two readings of programs: what each explains beside the others, and what the members of its set do in total.

The *unique* reading is the latent variable ``z`` itself. The *total* of a set is the weighted sum of its members' log
rates, ``sum_g s_g sqrt(i_g) eta_g``, where ``eta = W' z`` are the log rates from all programs, ``s`` the signs of the
prior, and ``i`` the information of a count about its log rate. It is linear in ``z``, ``total = C z``, so its mean and
standard deviation follow from the posterior of ``z``.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from ._covariance import AverageCell, marginal_sd
from ._edges import Edges, Weight
from ._information import Information


def total_matrix(weight: Weight, information: torch.Tensor) -> torch.Tensor:
    """Return the matrix ``C``, programs x latent, with ``total = C z``.

    Rows have length 1, or 0 if no program has loadings on the members. So before any counts are seen, with
    ``z ~ N(0, 1)``, a total has mean 0 and variance 1, like an activity. Members have equal weights but for the
    information of their counts. Weights that follow the loadings would turn a set into the one gene that varies most.

    Parameters
    ----------
    weight
        Loadings.
    information
        Information of a count about its log rate, for each gene.
    """
    matrix, length = _unscaled(weight, information)
    return matrix / length[:, None]


def total_gene_weights(weight: Weight, information: torch.Tensor) -> torch.Tensor:
    """Return the weight of each gene's log rate in each total, programs x genes; 0 for genes that are not members.

    Parameters
    ----------
    weight, information
        As in :func:`total_matrix`, which is the product of this matrix and the loadings.
    """
    edges = weight.edges
    _, length = _unscaled(weight, information)
    weights = length.new_zeros(len(length), len(information))
    weights[edges.program, edges.gene] = _of_members(edges, information) / length[edges.program]
    return weights


def _of_members(edges: Edges, information: torch.Tensor) -> torch.Tensor:
    """Return the weight of each edge before scaling."""
    return edges.sign * information.sqrt()[edges.gene]


def _unscaled(weight: Weight, information: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the matrix of totals before scaling, and the lengths of its rows, or 1 instead of 0."""
    matrix = weight.edges.to_programs(_of_members(weight.edges, information), weight.dense().T.contiguous())
    length = matrix.norm(dim=1)
    return matrix, torch.where(length > 0, length, 1)


class UniqueReading:
    """Activities ``z`` of some latent dimensions."""

    def __init__(self, dimensions: slice) -> None:
        self.dimensions = dimensions

    def of(self, z: torch.Tensor) -> torch.Tensor:
        """Return the reading of activities, programs x cells."""
        return z[self.dimensions]

    def exact_sd(self, cholesky: torch.Tensor) -> torch.Tensor:
        """Compute standard deviations from Cholesky factors of the precision, cells x programs."""
        return marginal_sd(cholesky)[:, self.dimensions]

    def approximate_sd(self, average: AverageCell, information: Information) -> torch.Tensor:
        """Approximate standard deviations from the average cell's covariance, programs x cells."""
        return average.sd(information)[self.dimensions]

    def independent_sd(self, sd: torch.Tensor) -> torch.Tensor:
        """Return standard deviations if activities are independent with these, programs x cells."""
        return sd[self.dimensions]


class TotalReading:
    """Totals ``C z``, with the same methods as :class:`UniqueReading`.

    Parameters
    ----------
    matrix
        See :func:`total_matrix`.
    """

    def __init__(self, matrix: torch.Tensor) -> None:
        self.matrix = matrix
        # one average cell serves for all minibatches of a call
        self._along = lru_cache(maxsize=1)(self._along_average)

    def of(self, z: torch.Tensor) -> torch.Tensor:
        """Return the reading of activities, programs x cells."""
        return self.matrix @ z

    def exact_sd(self, cholesky: torch.Tensor) -> torch.Tensor:
        """Compute standard deviations from Cholesky factors of the precision, cells x programs."""
        columns = self.matrix.T.expand(len(cholesky), -1, -1)
        return torch.linalg.solve_triangular(cholesky, columns, upper=False).square().sum(-2).sqrt()

    def approximate_sd(self, average: AverageCell, information: Information) -> torch.Tensor:
        """Approximate standard deviations from the average cell's covariance, programs x cells.

        As :meth:`AverageCell.sd`, with ``c' S c`` for a row ``c`` of the matrix in the place of a diagonal entry of the
        covariance ``S``.
        """
        tiny = torch.finfo(self.matrix.dtype).tiny
        prior = self.matrix.square().sum(1)[:, None]
        typical, squares, directions = self._along(average)
        change = squares @ (information.of_counts - average.of_counts[:, None])
        variance = typical / (1 + change / typical.clamp(min=tiny)).clamp(min=1e-6)
        # at most the prior's, and at least that if all other directions were known (Cauchy-Schwarz inequality)
        told = directions @ information.of_counts
        least = prior.square() / (prior + told).clamp(min=tiny)
        return variance.minimum(prior).maximum(least).sqrt()

    def _along_average(self, average: AverageCell) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the average cell's variances along the rows, and squares of two products with its loadings."""
        moved = self.matrix @ average.covariance
        typical = (moved * self.matrix).sum(1)[:, None]
        return typical, (moved @ average.weight).square_(), (self.matrix @ average.weight).square_()

    def independent_sd(self, sd: torch.Tensor) -> torch.Tensor:
        """Return standard deviations if activities are independent with these, programs x cells."""
        return (self.matrix.square() @ sd.square()).sqrt()
