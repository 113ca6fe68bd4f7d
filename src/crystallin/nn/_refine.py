"""Refinement of the posterior of the activities: damped Fisher-Newton steps on the exact objective.

With a log-linear decoder the posterior of ``z`` given the counts is close to log-concave. From the encoder's mean
Newton steps with the Fisher information ``H = I + J' D J`` (Laplace approximation, e.g. Tierney & Kadane 1986, J Am
Stat Assoc 81:82) give the mode and ``H^-1`` the covariance. ``J`` is the derivative of the log rates by the
activities, ``D`` the information of the counts about the log rates.

``J' D J`` is not formed densely: two programs interact only through genes they share, so all cells' matrices are one
product (cells x genes) @ (genes x sharing pairs).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ._likelihood import CountLikelihood

# a cell is done when its Newton decrement, the squared length of the step in posterior sds, is below this
TOLERANCE = 1e-2
MAX_STEPS = 20
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


@dataclass(frozen=True)
class Cells:
    """What is known about some cells before their activities are.

    Attributes
    ----------
    counts
        Cells x genes.
    offset
        Log rate without programs, cells x genes.
    log_depth
        Log library size or size factor, cells x 1.
    likelihood
        Likelihood of the counts.
    normalised
        Whether rates are a softmax over genes (the derivative by the activities is then centred per cell).
    """

    counts: torch.Tensor
    offset: torch.Tensor
    log_depth: torch.Tensor
    likelihood: CountLikelihood
    normalised: bool

    def __getitem__(self, index: torch.Tensor | slice) -> Cells:
        """Some of the cells."""
        return Cells(
            self.counts[index], self.offset[index], self.log_depth[index], self.likelihood[index], self.normalised
        )

    def log_mu(self, z: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Log mean of the counts at activities ``z``."""
        log_rate = self.offset + z @ weight
        return self.log_depth + (log_rate.log_softmax(-1) if self.normalised else log_rate)

    def log_posterior(self, z: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Log posterior density of ``z`` under the prior N(0, I), up to a constant of each cell."""
        return self.likelihood.log_prob(self.counts, self.log_mu(z, weight)).sum(-1) - 0.5 * z.square().sum(-1)


def refine(
    cells: Cells,
    z: torch.Tensor,
    shared: SharedGenes,
    *,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mode of the posterior of ``z``, and Cholesky factor of its precision there.

    From a good start most cells take two steps, and the second is next to nothing: it comes free with the precision at
    the point that the first led to. Only cells with far to go take more.

    Parameters
    ----------
    cells
        Counts, offsets and likelihood.
    z
        Start: the encoder's mean, cells x latent.
    shared
        Loadings, prepared by :func:`shared_genes`.
    tolerance
        Newton decrement below which a cell is done.
    max_steps
        Steps of a cell at most.

    Returns
    -------
    Mode, cells x latent, and lower Cholesky factor of the precision, cells x latent x latent.
    """
    z = z.clone()
    cholesky = torch.empty(*z.shape, z.shape[-1], dtype=z.dtype, device=z.device)
    todo = torch.arange(len(z), device=z.device)
    for _ in range(max_steps):
        part = cells[todo]
        gradient, precision = _gradient_and_precision(part, z[todo], shared)
        factor = torch.linalg.cholesky(precision)
        direction = torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
        cholesky[todo] = factor
        z[todo] = _damped_step(part, z[todo], direction, shared.weight)
        todo = todo[(gradient * direction).sum(-1) > tolerance]
        if not len(todo):
            break
    return z, cholesky


def marginal_sd(cholesky: torch.Tensor) -> torch.Tensor:
    """Standard deviation of each dimension from the Cholesky factor of the precision."""
    identity = torch.eye(cholesky.shape[-1], dtype=cholesky.dtype, device=cholesky.device)
    inverse = torch.linalg.solve_triangular(cholesky, identity.expand_as(cholesky), upper=False)
    return inverse.square().sum(-2).sqrt()


def sample_posterior(mode: torch.Tensor, cholesky: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Samples from N(mode, precision^-1); ``noise`` is standard normal, ``(n_samples, n_cells, n_latent)``."""
    shift = torch.linalg.solve_triangular(cholesky.mT, noise.movedim(0, -1), upper=True)
    return mode + shift.movedim(-1, 0)


def _gradient_and_precision(cells: Cells, z: torch.Tensor, shared: SharedGenes) -> tuple[torch.Tensor, torch.Tensor]:
    weight, log_mu = shared.weight, cells.log_mu(z, shared.weight)
    score, information = cells.likelihood.score_and_information(cells.counts, log_mu)
    gradient = score @ weight.T - z
    pairs = torch.sparse.mm(shared.products, information.T.contiguous()).T
    precision = torch.zeros(len(z), len(weight), len(weight), dtype=z.dtype, device=z.device)
    precision[:, shared.first, shared.second] = pairs
    precision[:, shared.second, shared.first] = pairs
    if cells.normalised:
        # softmax: J = W - mean of W under the cell's rates, a correction of rank two
        centre = (log_mu - cells.log_depth).exp() @ weight.T
        spread = information @ weight.T - 0.5 * information.sum(-1, keepdim=True) * centre
        correction = spread.unsqueeze(-1) * centre.unsqueeze(-2)
        precision = precision - correction - correction.mT
        gradient = gradient - score.sum(-1, keepdim=True) * centre
    precision.diagonal(dim1=-2, dim2=-1).add_(1)
    return gradient, precision


def _damped_step(cells: Cells, z: torch.Tensor, direction: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Take the longest of the steps 1, 1/2, 1/4, … that raises each cell's objective, else stay."""
    z, value = z.clone(), cells.log_posterior(z, weight)
    todo = torch.arange(len(z), device=z.device)
    for halving in range(MAX_HALVINGS + 1):
        trial = z[todo] + 0.5**halving * direction[todo]
        better = cells[todo].log_posterior(trial, weight) > value[todo]
        z[todo[better]] = trial[better]
        todo = todo[~better]
        if not len(todo):
            break
    return z
