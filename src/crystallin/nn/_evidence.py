"""How strongly genes follow programs, members or not, each judged without its own counts.

Given the activities, the counts of a gene follow a regression on all programs: its log rate is an offset plus the sum
of loading times activity. The fit starts from the model's loadings and leaves every program free, whether the gene is a
member or not, so that a loading is what the gene does with one program given all others.

An activity is estimated from the counts of the members, the gene's own included if it is one. That part is taken out:
without gene ``g``, the mode of a cell moves by ``H^-1 w s / (1 - i w' H^-1 w)``, with ``w`` the gene's loadings, ``s``
and ``i`` the score and information of its count, and ``H`` the information of the activities (a Newton step,
exact if the posterior is Gaussian; Cook 1977, Technometrics 19:15). Posterior means are less variable than the
activities they stand for, and the difference is independent of them (Berkson error), so loadings are not attenuated.

Everything is a product of genes x cells with cells x programs. No matrix programs x programs is built for a gene:
weighted least squares are solved by conjugate gradients with one preconditioner for a block of genes. A gene that
follows a program has larger weights where the program is active; for a Gaussian activity this moves the weighted mean
and leaves the covariance as it is, so the preconditioner is shared up to a shift of each gene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from ._likelihood import CountLikelihood

# precision of loadings' priors, for programs and for the levels of batches
PRECISION, LEVEL_PRECISION = 1.0, 1e-3
# Newton steps, and products of conjugate gradients for each; a step changes no log rate by more than MAX_CHANGE
N_STEPS, MAX_PRODUCTS, SOLVE_TO, MAX_CHANGE = 4, 20, 0.1, 2.0
# directions of single edges are solved for more precisely
MAX_DIRECTION_PRODUCTS, DIRECTION_SOLVE_TO = 50, 0.03
# largest influence of a gene's own count, and largest log mean, which are exceeded in outlying cells only
MAX_LEVERAGE, MAX_LOG_MEAN = 0.95, 12.0


@dataclass(frozen=True)
class Regressors:
    """Activities on which the counts of genes are regressed.

    Attributes
    ----------
    z
        Posterior modes, latent x cells.
    levels
        Indicators of batches, batches x cells, which have a level of their own for each gene.
    log_scale
        Log of the factor of each cell that turns rates into expected counts.
    covariance
        Posterior covariance of the activities in groups of similar cells, groups x latent x latent.
    group
        Group of each cell, cells x groups, with a single 1 in each row.
    """

    z: torch.Tensor
    levels: torch.Tensor
    log_scale: torch.Tensor
    covariance: torch.Tensor
    group: torch.Tensor

    @cached_property
    def design(self) -> torch.Tensor:
        """Activities, then levels."""
        return torch.cat([self.z, self.levels])

    @cached_property
    def precision(self) -> torch.Tensor:
        """Precision of the prior of each coefficient, a column."""
        of_programs = self.z.new_full((len(self.z), 1), PRECISION)
        return torch.cat([of_programs, self.z.new_full((len(self.levels), 1), LEVEL_PRECISION)])

    @cached_property
    def weight(self) -> torch.Tensor:
        """Typical weight of cells, with mean 1: their expected counts if no program changed anything."""
        scale = (self.log_scale - self.log_scale.max()).exp()
        return scale / scale.mean()

    @cached_property
    def mean(self) -> torch.Tensor:
        """Mean activities at typical weights, a column."""
        return (self.z * self.weight).mean(1, keepdim=True)

    @cached_property
    def gram(self) -> torch.Tensor:
        """Products of the design at typical weights."""
        return (self.design * self.weight) @ self.design.T

    def inverse_gram(self, size: torch.Tensor) -> torch.Tensor:
        """Return the inverse of the products for genes whose mean weight is ``size``."""
        matrix = self.gram + torch.diag(self.precision[:, 0]) / size.clamp(min=1e-6)
        return torch.cholesky_inverse(torch.linalg.cholesky(matrix))


class GeneRegression:
    """Regression of the counts of some genes on the activities.

    Parameters
    ----------
    counts
        Genes x cells.
    offset
        Log rate without programs, genes x cells.
    weight
        Present loadings, latent x genes; 0 for programs of which a gene is not a member.
    likelihood
        Likelihood of these genes' counts.
    regressors
        Activities.
    """

    def __init__(
        self,
        counts: torch.Tensor,
        offset: torch.Tensor,
        weight: torch.Tensor,
        likelihood: CountLikelihood,
        regressors: Regressors,
    ) -> None:
        self.counts, self.likelihood, self.of = counts, likelihood, regressors
        self._offset = offset + regressors.log_scale
        along = regressors.covariance @ weight
        leverage = (along * weight).sum(1).T @ regressors.group.T
        log_mean = self._offset + weight.T @ regressors.z
        _, score, information = likelihood.evaluate(counts, log_mean.clamp(max=MAX_LOG_MEAN))
        # how far the gene moves the activities of each cell, in units of ``covariance @ weight``
        self._own = score / (1 - (information * leverage).clamp(max=MAX_LEVERAGE))
        levels = along.new_zeros(len(along), len(regressors.levels), along.shape[2])
        self._along = torch.cat([along, levels], dim=1)
        self.coefficients = torch.cat([weight, weight.new_zeros(len(regressors.levels), weight.shape[1])])

    @property
    def loadings(self) -> torch.Tensor:
        """Loadings, latent x genes."""
        return self.coefficients[: len(self.of.z)]

    def predicted(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Return the part of log rates that coefficients x genes explain, genes x cells."""
        own = (self._along * coefficients).sum(1).T @ self.of.group.T
        return coefficients.T @ self.of.design - self._own * own

    def collected(self, values: torch.Tensor) -> torch.Tensor:
        """Return the transpose of :meth:`predicted` for values of genes x cells."""
        own = ((self._own * values) @ self.of.group).T
        return self.of.design @ values.T - (self._along * own[:, None, :]).sum(0)

    def derivatives(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return log mean, score and information of the counts at the present loadings, genes x cells."""
        log_mean = (self._offset + self.predicted(self.coefficients)).clamp(max=MAX_LOG_MEAN)
        _, score, information = self.likelihood.evaluate(self.counts, log_mean)
        return log_mean, score, information

    def fit(self, n_steps: int = N_STEPS) -> None:
        """Take Newton steps from the present loadings, damped so that no log rate changes too fast."""
        for _ in range(n_steps):
            _, score, information = self.derivatives()
            step = self._solve(self.collected(score), information, MAX_PRODUCTS, SOLVE_TO)
            change = self.predicted(step).abs().amax(1)
            self.coefficients = self.coefficients + step * (MAX_CHANGE / change.clamp(min=MAX_CHANGE))

    def variances(self) -> torch.Tensor:
        """Return variances of all loadings, latent x genes, to first order in how far weights are from proportional."""
        _, _, information = self.derivatives()
        size = _size(information)
        inverse = self.of.inverse_gram(size.median())
        typical = inverse.diagonal()[:, None]
        change = (inverse @ self.of.design).square() @ (information / size[:, None] - self.of.weight).T
        variance = typical / (1 + change / typical).clamp(min=1e-3) / size
        return variance[: len(self.of.z)]

    def edges(
        self, program: torch.Tensor, gene: torch.Tensor, part: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return variances of single loadings, and loadings and variances in parts of the cells.

        In each part the loading is that of one scoring step along the activity of the program that no other program
        explains; it is independent of the other parts.

        Parameters
        ----------
        program, gene
            Latent dimension and gene (position in this block) of each edge.
        part
            Parts of the cells, cells x parts, with 1 for the cells of each.

        Returns
        -------
        Variances of the edges, and edges x parts: loadings and variances (infinite in parts without information).
        """
        _, score, information = self.derivatives()
        chosen = self._chosen(gene)
        wanted = self.coefficients.new_zeros(len(self.coefficients), len(gene))
        wanted[program, torch.arange(len(gene), device=gene.device)] = 1
        direction = chosen._solve(wanted, information[gene], MAX_DIRECTION_PRODUCTS, DIRECTION_SOLVE_TO)
        variance = direction.gather(0, program[None])[0].clamp(min=torch.finfo(direction.dtype).tiny)
        regressor = chosen.predicted(direction) / variance[:, None]
        told = (information[gene] * regressor.square()) @ part
        moved = (score[gene] * regressor) @ part
        there = told > 0
        loading = self.loadings[program, gene][:, None] + torch.where(there, moved / told.clamp(min=1e-12), 0)
        return variance, loading, torch.where(there, 1 / told.clamp(min=1e-12), torch.inf)

    def _chosen(self, gene: torch.Tensor) -> GeneRegression:
        """Return the same regression for some genes, which may be repeated."""
        some = object.__new__(GeneRegression)
        some.of, some._own, some._along = self.of, self._own[gene], self._along[..., gene]
        return some

    def _solve(
        self, right: torch.Tensor, information: torch.Tensor, max_products: int, solve_to: float
    ) -> torch.Tensor:
        """Solve the weighted normal equations for each gene."""
        # scaled by the gene's mean weight, genes have nearly the same matrix
        size = _size(information)
        scaled = information / size[:, None]

        def product(x: torch.Tensor) -> torch.Tensor:
            return self.collected(scaled * self.predicted(x)) + self.of.precision / size * x

        shift = self.of.z @ scaled.T / scaled.shape[1] - self.of.mean
        inverse, n = self.of.inverse_gram(size.median()), len(shift)

        def precondition(x: torch.Tensor) -> torch.Tensor:
            # levels at the gene's mean activities rather than at the typical ones, and back
            x = inverse @ torch.cat([x[:n] - shift * x[n:].sum(0), x[n:]])
            return torch.cat([x[:n], x[n:] - (shift * x[:n]).sum(0)])

        return _conjugate_gradients(product, right / size, precondition, max_products, solve_to)


def _size(information: torch.Tensor) -> torch.Tensor:
    return information.mean(1).clamp(min=1e-8)


def _conjugate_gradients(
    product: Callable[[torch.Tensor], torch.Tensor],
    right: torch.Tensor,
    precondition: Callable[[torch.Tensor], torch.Tensor],
    max_products: int,
    solve_to: float,
) -> torch.Tensor:
    """Solve for each column until all residuals, in the preconditioner's norm, are ``solve_to`` of their start."""
    tiny = torch.finfo(right.dtype).tiny
    x, residual = torch.zeros_like(right), right
    preconditioned = precondition(residual)
    direction, size = preconditioned, (residual * preconditioned).sum(0)
    enough = solve_to**2 * size
    for _ in range(max_products):
        along = product(direction)
        length = size / (direction * along).sum(0).clamp(min=tiny)
        x, residual = x + length * direction, residual - length * along
        preconditioned = precondition(residual)
        size, before = (residual * preconditioned).sum(0), size
        if not (size > enough).any():
            break
        direction = preconditioned + size / before.clamp(min=tiny) * direction
    return x
