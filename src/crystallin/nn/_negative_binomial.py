r"""Log-likelihood of negative binomial counts and its derivative, at the cost of the non-zeros and one logarithm.

With mean :math:`\mu`, inverse dispersion :math:`\theta` and :math:`r = \mu / \theta`

.. math:: \log p(x) = x \log\frac{r}{1 + r} - \theta \log(1 + r) + \log\Gamma(x + \theta) - \log\Gamma(\theta)
          - \log\Gamma(x + 1)

and all terms but the second vanish where :math:`x = 0`. The derivatives by the log rate and by
:math:`\log\theta` need nothing that the value did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ._counts import SparseCounts

# entries of the genes x cells matrices that are worked on at a time, so that they stay in the processor's cache
BLOCK = 2**18


def nb_log_likelihood(
    log_rate: torch.Tensor,
    depth: torch.Tensor,
    log_theta: torch.Tensor,
    counts: SparseCounts,
    *,
    normalised: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the log-likelihood of counts, without the terms that depend on the counts alone.

    Parameters
    ----------
    log_rate
        Genes x cells.
    depth
        Library size or size factor of each cell.
    log_theta
        Log inverse dispersion of each gene.
    counts
        The counts.
    normalised
        ``True``: means are the softmax of ``log_rate`` over genes times ``depth``; ``False``: its exponential times
        ``depth``.

    Returns
    -------
    Sum over all cells (differentiable in ``log_rate`` and ``log_theta``), and the value of each cell (not
    differentiable).
    """
    return _NegativeBinomial.apply(log_rate, depth, log_theta, counts, normalised)


def nb_evaluate(
    log_rate: torch.Tensor, counts: torch.Tensor, log_depth: torch.Tensor, theta: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compute the log-likelihood of cells with normalised rates, and derivatives of each count.

    Parameters
    ----------
    log_rate
        Genes x cells. It is replaced by the softmax over genes.
    counts
        Genes x cells.
    log_depth
        Log library size of each cell.
    theta
        Inverse dispersion, genes x 1 or genes x cells.

    Returns
    -------
    Log-likelihood of each cell, up to terms of its counts alone; its derivative by the log mean of each count; and the
    Fisher information of each count, both genes x cells.
    """
    n_cells = log_rate.shape[1]
    value = log_rate.new_zeros(n_cells)
    score, information = torch.empty_like(log_rate), torch.empty_like(log_rate)
    depth = log_depth.exp()
    largest = log_rate.amax(0)
    total = log_rate.new_zeros(n_cells)
    for genes in _blocks(log_rate):
        # the part of the log-likelihood that is linear in the log mean
        log_rate[genes].sub_(largest)
        torch.mul(counts[genes], log_rate[genes], out=score[genes])
        value += score[genes].sum(0)
        total += log_rate[genes].exp_().sum(0)
    to_mean = depth / total
    value -= counts.sum(0) * total.log()
    for genes in _blocks(log_rate):
        x, rate = counts[genes], log_rate[genes]
        of_genes = theta[genes]
        mean = rate * to_mean
        odds = mean / of_genes
        value -= ((x + of_genes) * odds.log1p()).sum(0)
        shrink = odds.add_(1).reciprocal_()
        torch.mul(mean, shrink, out=information[genes])
        torch.mul(x, shrink, out=score[genes])
        score[genes].sub_(information[genes])
        rate.div_(total)
    return value, score, information


def _blocks(matrix: torch.Tensor) -> Iterator[slice]:
    """Yield parts of the genes; all at once on an accelerator, where each operation takes a moment to start."""
    n_genes, n_cells = matrix.shape
    step = max(1, BLOCK // n_cells) if matrix.device.type == "cpu" else n_genes
    for start in range(0, n_genes, step):
        yield slice(start, start + step)


class _NegativeBinomial(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        log_rate: torch.Tensor,
        depth: torch.Tensor,
        log_theta: torch.Tensor,
        counts: SparseCounts,
        normalised: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n_cells = log_rate.shape[1]
        theta = log_theta.exp()
        x, cell, gene = counts.value, counts.cell, counts.gene
        r = log_rate - log_theta[:, None]
        if normalised:
            # the largest log rate is subtracted before the exponential
            r.sub_(log_rate.amax(0)).exp_()
            r.mul_(depth / (theta @ r))
        else:
            r.exp_().mul_(depth)
        # r / (1 + r), minus the score over theta where the count is 0
        share = torch.empty_like(r)
        value, score_sum = r.new_zeros(n_cells), r.new_zeros(n_cells)
        by_theta = torch.empty_like(theta)
        for genes in _blocks(r):
            log_sum = r[genes].log1p()
            torch.div(r[genes], r[genes] + 1, out=share[genes])
            value -= theta[genes] @ log_sum
            score_sum -= theta[genes] @ share[genes]
            by_theta[genes] = share[genes].sum(1) - log_sum.sum(1)
        r_x, theta_x = r.view(-1)[counts.flat], theta[gene]
        # at the counts; a mean of 0 in single precision is the smallest number rather than minus infinity
        log_share = (r_x.clamp(min=torch.finfo(r.dtype).tiny) / (1 + r_x)).log()
        gammas = torch.lgamma(x + theta_x) - torch.lgamma(theta)[gene]
        value.index_add_(0, cell, x * log_share + gammas)
        score_x = x / (1 + r_x)
        score_sum.index_add_(0, cell, score_x)
        digammas = torch.digamma(x + theta_x) - torch.digamma(theta)[gene]
        by_theta.index_add_(0, gene, digammas - score_x / theta_x)
        if normalised:
            # the mean is a share of the depth: moving one rate moves all others the other way
            share.addcmul_(r, (score_sum / depth).expand_as(r))
        score = share.mul_(-theta[:, None])
        score.view(-1).index_add_(0, counts.flat, score_x)
        ctx.save_for_backward(score, by_theta * theta)
        ctx.mark_non_differentiable(value)
        return value.sum(), value

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        score, by_log_theta = ctx.saved_tensors
        return score * gradients[0], None, by_log_theta * gradients[0], None, None
