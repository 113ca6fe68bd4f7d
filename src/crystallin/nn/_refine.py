"""Refinement of the posterior of the activities: damped Fisher-Newton steps on the exact objective.

With a log-linear decoder the posterior of ``z`` given the counts is close to log-concave. From the encoder's mean
Newton steps with the Fisher information ``H = I + J' D J`` (Laplace approximation, e.g. Tierney & Kadane 1986, J Am
Stat Assoc 81:82) give the mode and ``H^-1`` the covariance. ``J`` is the derivative of the log rates by the
activities, ``D`` the information of the counts about the log rates.

``H`` is not formed: a step solves ``H step = gradient`` by conjugate gradients, whose products with ``H`` run along
the edges of the prior. The inverse of the average cell's ``H`` as preconditioner leaves a handful of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ._edges import Weight
from ._information import Information
from ._likelihood import CountLikelihood
from ._negative_binomial import nb_evaluate

# a cell has converged when its Newton decrement, the squared length of the step in posterior sds, is below this
TOLERANCE = 0.03
MAX_STEPS = 20
# a step that lowers the objective is halved at most this many times, then dropped
MAX_HALVINGS = 8
# conjugate gradients stop when what is left of the gradient, in the preconditioner's norm, is this share of it: an
# error in the step is made good by the next
SOLVE_TO = 0.1
MAX_PRODUCTS = 50


@dataclass(frozen=True)
class Cells:
    """Data of some cells, from which their activities are inferred.

    Attributes
    ----------
    counts
        Genes x cells.
    offset
        Log rate without programs, genes x cells or genes x 1.
    log_depth
        Log library size or size factor of each cell.
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
        offset = self.offset[:, index] if self.offset.shape[1] > 1 else self.offset
        return Cells(self.counts[:, index], offset, self.log_depth[index], self.likelihood[index], self.normalised)

    def evaluate(self, z: torch.Tensor, weight: Weight) -> Point:
        """Compute the log posterior and its derivatives at activities ``z``, latent x cells, whose prior is N(0, I)."""
        if self.likelihood.kind == "nb" and self.normalised:
            log_rate = weight.to_genes(z)
            log_rate += self.offset
            value, score, of_counts = nb_evaluate(log_rate, self.counts, self.log_depth, self.likelihood.theta)
            # the share of each gene has taken the place of its log rate
            information = Information(weight, of_counts, log_rate)
        else:
            values, score, information = self.counts_at(z, weight)
            value = values.sum(0)
        return Point(
            z=z,
            value=value - 0.5 * z.square().sum(0),
            gradient=information.to_latent(score) - z,
            information=information,
        )

    def counts_at(self, z: torch.Tensor, weight: Weight) -> tuple[torch.Tensor, torch.Tensor, Information]:
        """Compute each count's log-likelihood, its derivative by the log rate, genes x cells, and the information."""
        log_scale = self._log_scale(z, weight)
        value, score, of_counts = self.likelihood.evaluate(self.counts, log_scale + self.log_depth)
        return value, score, Information(weight, of_counts, log_scale.exp() if self.normalised else None)

    def observed_at(self, z: torch.Tensor, weight: Weight) -> tuple[torch.Tensor, Information]:
        """Derivative of each score by its count, genes x cells, and the observed information of the activities."""
        log_scale = self._log_scale(z, weight)
        log_mean = log_scale + self.log_depth
        by_count, of_counts = self.likelihood.sensitivity(self.counts, log_mean)
        if not self.normalised:
            return by_count, Information(weight, of_counts, None)
        # changing a rate changes the shares of all genes, and so all scores
        _, score, _ = self.likelihood.evaluate(self.counts, log_mean)
        share = log_scale.exp()
        return by_count, Information(weight, of_counts + share * score.sum(0), share)

    def log_mean(self, z: torch.Tensor, weight: Weight) -> torch.Tensor:
        """Log expected count at activities ``z``, genes x cells."""
        return self._log_scale(z, weight) + self.log_depth

    def _log_scale(self, z: torch.Tensor, weight: Weight) -> torch.Tensor:
        log_rate = weight.to_genes(z) + self.offset
        # torch's log_softmax over the first dimension is slow on GPUs
        return log_rate - log_rate.logsumexp(0) if self.normalised else log_rate


@dataclass
class Point:
    """Activities of some cells, with value and derivatives of their log posterior.

    Attributes
    ----------
    z
        Activities, latent x cells.
    value
        Log posterior density of each cell, up to a constant of the cell.
    gradient
        Its derivative by ``z``, latent x cells.
    information
        Fisher information.
    """

    z: torch.Tensor
    value: torch.Tensor
    gradient: torch.Tensor
    information: Information

    def __getitem__(self, index: torch.Tensor) -> Point:
        """Some of the cells."""
        return Point(self.z[:, index], self.value[index], self.gradient[:, index], self.information[index])

    def put(self, index: torch.Tensor, other: Point) -> None:
        """Replace the point of some of the cells, in place."""
        self.z[:, index], self.value[index], self.gradient[:, index] = other.z, other.value, other.gradient
        self.information.put(index, other.information)


def refine(
    cells: Cells,
    z: torch.Tensor,
    weight: Weight,
    preconditioner: torch.Tensor,
    *,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> Point:
    """Find the mode of the posterior of ``z``.

    From a good start most cells take two or three steps; only cells that start far from their mode take more.

    Parameters
    ----------
    cells
        Counts, offsets and likelihood.
    z
        Start: the encoder's mean, latent x cells.
    weight
        Loadings.
    preconditioner
        Latent x latent, about the inverse of the cells' information.
    tolerance
        Newton decrement below which a cell has converged.
    max_steps
        Largest number of steps of a cell.

    Returns
    -------
    Mode, with the information at the mode.
    """
    return climb(cells, cells.evaluate(z, weight), preconditioner, tolerance, max_steps)


def climb(cells: Cells, here: Point, preconditioner: torch.Tensor, tolerance: float, max_steps: int) -> Point:
    """Damped Fisher-Newton steps from ``here``, which is changed; see :func:`refine`."""
    for n_left in range(max_steps, 0, -1):
        direction = solve(here.information, here.gradient, preconditioner)
        far = (here.gradient * direction).sum(0) > tolerance
        here = damped_step(cells, here, direction)
        if not far.any():
            break
        # drop cells that have converged once this saves work
        if far.float().mean() < 0.5:
            todo = far.nonzero()[:, 0]
            here.put(todo, climb(cells[todo], here[todo], preconditioner, tolerance, n_left - 1))
            break
    return here


def solve(
    information: Information, gradient: torch.Tensor, preconditioner: torch.Tensor, *, solve_to: float | None = None
) -> torch.Tensor:
    """Solve ``information @ x = gradient`` for each cell by preconditioned conjugate gradients.

    It stops when the residual, in the preconditioner's norm, is ``solve_to`` (default ``SOLVE_TO``) of its start.
    """
    x, residual = torch.zeros_like(gradient), gradient
    preconditioned = preconditioner @ residual
    direction = preconditioned
    size = (residual * preconditioned).sum(0)
    enough = (SOLVE_TO if solve_to is None else solve_to) ** 2 * size
    tiny = torch.finfo(gradient.dtype).tiny
    for _ in range(MAX_PRODUCTS):
        product = information @ direction
        length = size / (direction * product).sum(0).clamp(min=tiny)
        x = torch.addcmul(x, length, direction)
        residual = torch.addcmul(residual, length, product, value=-1)
        preconditioned = preconditioner @ residual
        size, before = (residual * preconditioned).sum(0), size
        if not (size > enough).any():
            break
        direction = torch.addcmul(preconditioned, size / before.clamp(min=tiny), direction)
    return x


def draw(point: Point, preconditioner: torch.Tensor) -> torch.Tensor:
    """Draw the difference between a sample from ``N(mode, information^-1)`` and the mode, latent x cells.

    A perturbation with covariance ``information`` is drawn along the edges and solved for (Papandreou & Yuille 2010,
    NIPS 23, 1858): no matrix is factorised.
    """
    information = point.information
    noise = information.of_counts.sqrt() * torch.randn_like(information.of_counts)
    perturbation = information.to_latent(noise) + torch.randn_like(point.z)
    return solve(information, perturbation, preconditioner)


def damped_step(cells: Cells, here: Point, direction: torch.Tensor) -> Point:
    """Take the longest of the steps 1, 1/2, 1/4, … that raises each cell's objective, or else none."""
    weight, there = here.information.weight, cells.evaluate(here.z + direction, here.information.weight)
    # changes smaller than floating-point precision do not count as a decrease
    resolution = 8 * torch.finfo(here.value.dtype).eps * here.value.abs()
    for halving in range(1, MAX_HALVINGS + 1):
        # written so that NaN counts as worse
        worse = (~(there.value >= here.value - resolution)).nonzero()[:, 0]
        if not len(worse):
            return there
        length = 0.5**halving if halving < MAX_HALVINGS else 0.0
        there.put(worse, cells[worse].evaluate(here.z[:, worse] + length * direction[:, worse], weight))
    return there
