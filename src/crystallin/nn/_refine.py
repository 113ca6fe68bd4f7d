"""Refinement of the posterior of the activities: damped Fisher-Newton steps on the exact objective.

With a log-linear decoder the posterior of ``z`` given the counts is close to log-concave. From the encoder's mean a
Newton step with the Fisher information ``H = I + J' D J`` (Laplace approximation, e.g. Tierney & Kadane 1986, J Am Stat
Assoc 81:82) gives the mode and ``H^-1`` the covariance. ``J`` is the derivative of the log rates by the activities and
``D`` the information of the counts about them.

``J' D J`` is not formed densely: two programs interact only through genes they share, so all cells' matrices are one
product (cells x genes) @ (genes x sharing pairs).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ._likelihood import CountLikelihood

# one step leaves the mode within a small fraction of its sd; a second costs as much again (docs/benchmarks)
N_STEPS = 1
# a step that lowers the objective is halved this often at most, then dropped
MAX_HALVINGS = 5


@dataclass(frozen=True)
class SharedGenes:
    """Pairs of latent dimensions with a gene in common, and the products of their loadings.

    Attributes
    ----------
    first, second
        Latent dimensions of each pair, ``first <= second``.
    products
        Sparse, pairs x genes: loading of ``first`` times loading of ``second``.
    weight
        Dense loadings, latent x genes.
    """

    first: torch.Tensor
    second: torch.Tensor
    products: torch.Tensor
    weight: torch.Tensor


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
    # COO: torch warns that its CSR is in beta
    products = torch.sparse_coo_tensor(torch.stack([pair, g]), values, shape, check_invariants=False).coalesce()
    return SharedGenes(code // n_latent, code % n_latent, products, weight)


def refine(
    counts: torch.Tensor,
    offset: torch.Tensor,
    z: torch.Tensor,
    shared: SharedGenes,
    likelihood: CountLikelihood,
    *,
    normalised: bool,
    log_depth: torch.Tensor,
    n_steps: int = N_STEPS,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mode and Cholesky factor of the precision of the posterior of ``z`` under the prior N(0, I).

    Parameters
    ----------
    counts
        Cells x genes.
    offset
        Log rate before the programs, cells x genes.
    z
        Start: the encoder's mean, cells x latent.
    shared
        Loadings, prepared by :func:`shared_genes`.
    likelihood
        Likelihood of the counts.
    normalised
        Whether rates are a softmax over genes (then the activities' derivative is centred per cell).
    log_depth
        Log library size or size factor, cells x 1.
    n_steps
        Newton steps.

    Returns
    -------
    Mode, cells x latent, and lower Cholesky factor of the precision at it, cells x latent x latent.
    """
    log_mu = _log_mu(offset, z, shared.weight, log_depth, normalised)
    value = _log_posterior(counts, z, log_mu, likelihood)
    for _ in range(n_steps):
        gradient, precision = _gradient_and_precision(counts, z, log_mu, log_depth, shared, likelihood, normalised)
        direction = torch.cholesky_solve(gradient.unsqueeze(-1), torch.linalg.cholesky(precision)).squeeze(-1)
        z, log_mu, value = _damped_step(
            counts, offset, z, log_mu, value, direction, shared, likelihood, normalised, log_depth
        )
    _, precision = _gradient_and_precision(counts, z, log_mu, log_depth, shared, likelihood, normalised)
    return z, torch.linalg.cholesky(precision)


def marginal_sd(cholesky: torch.Tensor) -> torch.Tensor:
    """Standard deviation of each dimension from the Cholesky factor of the precision."""
    identity = torch.eye(cholesky.shape[-1], dtype=cholesky.dtype, device=cholesky.device)
    inverse = torch.linalg.solve_triangular(cholesky, identity.expand_as(cholesky), upper=False)
    return inverse.square().sum(-2).sqrt()


def sample_posterior(mode: torch.Tensor, cholesky: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Samples from N(mode, precision^-1); ``noise`` is standard normal, ``(n_samples, n_cells, n_latent)``."""
    shift = torch.linalg.solve_triangular(cholesky.mT, noise.movedim(0, -1), upper=True)
    return mode + shift.movedim(-1, 0)


def _log_mu(
    offset: torch.Tensor, z: torch.Tensor, weight: torch.Tensor, log_depth: torch.Tensor, normalised: bool
) -> torch.Tensor:
    log_rate = offset + z @ weight
    return log_depth + (log_rate.log_softmax(-1) if normalised else log_rate)


def _log_posterior(
    counts: torch.Tensor, z: torch.Tensor, log_mu: torch.Tensor, likelihood: CountLikelihood
) -> torch.Tensor:
    return likelihood.log_prob(counts, log_mu).sum(-1) - 0.5 * z.square().sum(-1)


def _gradient_and_precision(
    counts: torch.Tensor,
    z: torch.Tensor,
    log_mu: torch.Tensor,
    log_depth: torch.Tensor,
    shared: SharedGenes,
    likelihood: CountLikelihood,
    normalised: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    score, information = likelihood.score_and_information(counts, log_mu)
    weight = shared.weight
    gradient = score @ weight.T - z
    pairs = torch.sparse.mm(shared.products, information.T.contiguous()).T
    precision = torch.zeros(len(z), len(weight), len(weight), dtype=z.dtype, device=z.device)
    precision[:, shared.first, shared.second] = pairs
    precision[:, shared.second, shared.first] = pairs
    if normalised:
        # softmax: J = W - mean of W under the cell's rates, a correction of rank two
        centre = (log_mu - log_depth).exp() @ weight.T
        spread = information @ weight.T - 0.5 * information.sum(-1, keepdim=True) * centre
        correction = spread.unsqueeze(-1) * centre.unsqueeze(-2)
        precision = precision - correction - correction.mT
        gradient = gradient - score.sum(-1, keepdim=True) * centre
    precision.diagonal(dim1=-2, dim2=-1).add_(1)
    return gradient, precision


def _damped_step(
    counts: torch.Tensor,
    offset: torch.Tensor,
    z: torch.Tensor,
    log_mu: torch.Tensor,
    value: torch.Tensor,
    direction: torch.Tensor,
    shared: SharedGenes,
    likelihood: CountLikelihood,
    normalised: bool,
    log_depth: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Take the longest of the steps 1, 1/2, 1/4, … that raises each cell's objective, else stay."""
    z, log_mu, value = z.clone(), log_mu.clone(), value.clone()
    todo = torch.arange(len(z), device=z.device)
    for halving in range(MAX_HALVINGS + 1):
        trial = z[todo] + 0.5**halving * direction[todo]
        trial_log_mu = _log_mu(offset[todo], trial, shared.weight, log_depth[todo], normalised)
        part = CountLikelihood(likelihood.kind, _rows(likelihood.theta, todo), _rows(likelihood.zero_logits, todo))
        trial_value = _log_posterior(counts[todo], trial, trial_log_mu, part)
        better = trial_value > value[todo]
        taken = todo[better]
        z[taken], log_mu[taken], value[taken] = trial[better], trial_log_mu[better], trial_value[better]
        todo = todo[~better]
        if not len(todo):
            break
    return z, log_mu, value


def _rows(parameter: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows of a parameter that may differ by cell (dispersion per batch) or be shared by all."""
    return parameter[index] if parameter.ndim == 2 and len(parameter) > 1 else parameter
