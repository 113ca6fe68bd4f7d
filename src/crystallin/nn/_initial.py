"""Initial values from the data: intercepts, dispersions, loadings and read-outs.

A start that is the same for every seed removes most of the disagreement between retrainings, and a start that already
explains the data keeps weak programs from collapsing onto the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch

from ._counts import SparseCounts
from ._double import double_device, in_double
from ._edges import Edges
from ._encoder import log_normalise
from ._totals import of_this_process

MIN_SD = 0.05
# batches are shrunk towards the mean of all by this many cells of average depth, which matters for small batches
PRIOR_CELLS = 10.0
MIN_THETA, MAX_THETA = 0.1, 100.0
MIN_CORRELATION, MAX_CORRELATION = 0.02, 0.95
MIN_LOADING, MAX_LOADING = 0.01, 1.5


@dataclass(frozen=True)
class GeneMoments:
    """Moments over cells, of genes or batches x genes.

    Attributes
    ----------
    mean, sd
        Mean and standard deviation of log-normalised counts, per gene.
    batch_shift
        Mean of each batch minus ``mean``, in units of ``sd``, shrunk towards 0 for small batches.
    intercept
        Log share of the counts in each batch.
    theta
        Inverse dispersion of each gene.
    """

    mean: torch.Tensor
    sd: torch.Tensor
    batch_shift: torch.Tensor
    intercept: torch.Tensor
    theta: torch.Tensor


def gene_moments(
    batches: Iterable[tuple[SparseCounts, torch.Tensor, torch.Tensor]],
    *,
    n_batch: int,
    n_genes: int,
    device: torch.device | None = None,
    total_of: Callable[[torch.Tensor], torch.Tensor] = of_this_process,
) -> GeneMoments:
    """Accumulate moments in double precision over minibatches of (counts, batch index, depth).

    Parameters
    ----------
    batches
        Minibatches.
    n_batch, n_genes
        Sizes.
    device
        Device of the result.
    total_of
        Function that adds a sum over the minibatches to those of other processes, if each sees some of the cells.
    """
    zeros = partial(torch.zeros, dtype=torch.float64, device=double_device(device))
    total, depth_total, depth_squares = zeros(n_batch, n_genes), zeros(n_batch, 1), zeros(())
    squares, log_total, log_squares = zeros(n_genes), zeros(n_batch, n_genes), zeros(n_genes)
    n_in_batch = zeros(n_batch, 1)
    for counts, batch, depth in batches:
        logged = in_double(log_normalise(counts))
        counts, batch, depth = counts.to(logged.device), batch.to(logged.device), in_double(depth)
        depth, index, gene = depth.reshape(-1, 1), batch.reshape(-1).long(), counts.gene
        # zeros add nothing to any of the sums
        x, entry = counts.value.double(), (index[counts.cell], gene)
        total.index_put_(entry, x, accumulate=True)
        squares.index_add_(0, gene, x.square())
        log_total.index_put_(entry, logged, accumulate=True)
        log_squares.index_add_(0, gene, logged.square())
        depth_total.index_add_(0, index, depth)
        depth_squares += depth.square().sum()
        n_in_batch.index_add_(0, index, torch.ones_like(depth))
    total, depth_total, depth_squares = total_of(total), total_of(depth_total), total_of(depth_squares)
    squares, log_total, log_squares = total_of(squares), total_of(log_total), total_of(log_squares)
    n_in_batch = total_of(n_in_batch)
    n_cells = n_in_batch.sum()
    mean = log_total.sum(0) / n_cells
    sd = (log_squares / n_cells - mean.square()).clamp(min=MIN_SD**2).sqrt()
    batch_shift = (log_total - n_in_batch * mean) / (n_in_batch + PRIOR_CELLS) / sd
    # half a count keeps the values of genes without counts finite
    share = (total.sum(0) + 0.5) / depth_total.sum()
    pseudo = PRIOR_CELLS * depth_total.sum() / n_cells
    intercept = ((total + pseudo * share) / (depth_total + pseudo)).log()
    # moments of x ~ NB(depth * share, theta): E[x^2] = E[mu] + E[mu^2] (1 + 1 / theta)
    excess = (squares - total.sum(0)) / (share.square() * depth_squares) - 1
    theta = (1 / excess.clamp(min=1 / MAX_THETA)).clamp(MIN_THETA, MAX_THETA)
    return GeneMoments(*(moment.float().to(device) for moment in (mean, sd, batch_shift, intercept, theta)))


@dataclass(frozen=True)
class StartingPoint:
    """Initial ``loadings`` and ``readout`` of the edges, and ``log_var`` of each program."""

    loadings: torch.Tensor
    readout: torch.Tensor
    log_var: torch.Tensor


def member_correlations(
    batches: Iterable[torch.Tensor],
    weight: torch.Tensor,
    edges: Edges,
    *,
    total_of: Callable[[torch.Tensor], torch.Tensor] = of_this_process,
) -> torch.Tensor:
    """Compute the correlation of each member gene with its program's score without that gene, one value per edge.

    Parameters
    ----------
    batches
        Minibatches of standardised expression (mean 0, sd 1), genes x cells.
    weight
        Weight of each edge; the score of a program is the weighted sum of its genes' expression.
    edges
        Edges of the prior.
    total_of
        As in :func:`gene_moments`.
    """
    zeros = partial(torch.zeros, dtype=torch.float64, device=double_device(weight.device))
    cross, square, gene_square, n_cells = zeros(len(edges)), zeros(edges.shape[0]), zeros(edges.shape[1]), zeros(())
    for x in batches:
        score = edges.to_programs(weight, x)
        cross += in_double(edges.inner(score, x))
        square += in_double(score).square().sum(1)
        gene_square += in_double(x).square().sum(1)
        n_cells += x.shape[1]
    cross, square, gene_square, n_cells = total_of(cross), total_of(square), total_of(gene_square), total_of(n_cells)
    gene, program = edges.gene.to(cross.device), edges.program.to(cross.device)
    own, gene_var = in_double(weight), gene_square[gene] / n_cells
    # leave the gene out of the score it is compared with; otherwise small sets would always look coherent
    covariance = cross / n_cells - own * gene_var
    variance = square[program] / n_cells - 2 * own * covariance - own.square() * gene_var
    return (covariance / (variance * gene_var).clamp(min=1e-12).sqrt()).clamp(-1, 1).float().to(weight.device)


def starting_point(correlation: torch.Tensor, edges: Edges, moments: GeneMoments) -> StartingPoint:
    """Turn correlations into loadings, and into the read-out of a one-factor model.

    With standardised genes ``x_g = r_g z + noise`` the posterior of ``z ~ N(0, 1)`` has mean
    ``sum_g r_g / (1 - r_g^2) x_g / (1 + S)`` and variance ``1 / (1 + S)``, ``S = sum_g r_g^2 / (1 - r_g^2)``.
    """
    sign, program, gene = edges.sign, edges.program, edges.gene
    # a member that is not correlated with its set starts at a small value above zero, so that it can still grow
    r = (correlation * sign).clamp(min=MIN_CORRELATION, max=MAX_CORRELATION)
    information = r.square() / (1 - r.square())
    precision = 1 + torch.zeros(edges.shape[0], device=r.device).index_add_(0, program, information)
    readout = sign * r / (1 - r.square()) / precision[program]
    # log-rate variance of a gene from its overdispersion; r^2 is the share of it that the program explains
    log_rate_sd = torch.log1p(1 / moments.theta).sqrt()[gene]
    n_owners = torch.bincount(gene, minlength=len(moments.theta)).clamp(min=1)[gene]
    loadings = sign * (r * log_rate_sd / n_owners.sqrt()).clamp(min=MIN_LOADING, max=MAX_LOADING)
    return StartingPoint(loadings, readout, -precision.log())
