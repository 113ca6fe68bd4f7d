"""Free programs: directions in which cells vary although no gene set explains it.

They start from what the programs leave over, the leading directions of the residuals, and have loadings on the genes
that follow these directions. They stay orthogonal to some of the programs, in the metric of the counts' information:
what counts say of such a program they then do not say of a free one, so that it keeps its signal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch

from ._initial import MAX_CORRELATION
from ._totals import of_this_process

# value of n_unannotated by which the data choose the number of free programs, and the largest they can choose
AUTO = "auto"
MAX_FREE = 20
# a direction is used if it raises the log-likelihood of a held-out cell by at least this much, in nats
MIN_GAIN = 0.1
# a gene is left out of a free program if its slope is less than this many standard errors from 0
MIN_T = 2.0
# one transcript of a gene that is hardly ever seen is dozens of standard deviations from the mean
MAX_RESIDUAL = 5.0
# precision of a loading's prior: few counts give small loadings
RIDGE = 10.0
# directions beyond those asked for, and rounds of subspace iteration (Halko et al. 2011, SIAM Rev 53:217)
OVERSAMPLING, N_ROUNDS = 10, 4
# information below which a gene is seldom seen: about one transcript in ten cells
SELDOM = 0.1
# added to the information of programs, in units of their prior's, so that a program without loadings does no harm
JITTER = 1e-3


def n_free_dimensions(n_unannotated: int | str) -> int:
    """Return the number of latent dimensions for free programs; ``"auto"`` reserves the largest number."""
    return MAX_FREE if n_unannotated == AUTO else int(n_unannotated)


@dataclass(frozen=True)
class Leftover:
    """What programs leave over in some cells, all genes x cells.

    Attributes
    ----------
    score
        Derivative of the log-likelihood of each count by its log rate.
    information
        Information of each count about its log rate.
    standardised
        Standardised expression, as the encoder reads it.
    """

    score: torch.Tensor
    information: torch.Tensor
    standardised: torch.Tensor

    @property
    def residuals(self) -> torch.Tensor:
        """Pearson residuals, bounded."""
        tiny = torch.finfo(self.score.dtype).tiny
        return (self.score / self.information.sqrt().clamp(min=tiny)).clamp(-MAX_RESIDUAL, MAX_RESIDUAL)


@dataclass(frozen=True)
class FreeStart:
    """Initial values of free programs.

    Attributes
    ----------
    loadings, readout
        Weights of decoder and encoder, free programs x genes; 0 for genes that do not follow a program, and for
        programs that are not used.
    log_var
        Log variance of each program's activity given the counts.
    """

    loadings: torch.Tensor
    readout: torch.Tensor
    log_var: torch.Tensor


def leading_directions(
    residuals: Sequence[torch.Tensor], n: int, total_of: Callable[[torch.Tensor], torch.Tensor] = of_this_process
) -> torch.Tensor:
    """Return the ``n`` directions in which residuals vary most, genes x directions, by subspace iteration.

    Parameters
    ----------
    residuals
        Residuals of successive minibatches, genes x cells.
    n
        Number of directions.
    total_of
        As in :func:`gene_moments`.
    """
    n_genes = len(residuals[0])
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(n_genes, min(n + OVERSAMPLING, n_genes), generator=generator).to(residuals[0].device)
    for _ in range(N_ROUNDS):
        basis, _ = torch.linalg.qr(_total(total_of, (part @ (part.T @ basis) for part in residuals)))
    along = [basis.T @ part for part in residuals]
    _, vectors = torch.linalg.eigh(_total(total_of, (part @ part.T for part in along)))
    # in ascending order
    return basis @ vectors.flip(1)[:, :n]


def held_out_gain(
    directions: torch.Tensor,
    residuals: Sequence[torch.Tensor],
    total_of: Callable[[torch.Tensor], torch.Tensor] = of_this_process,
) -> torch.Tensor:
    """Return by how much a factor along each direction raises the log-likelihood of a cell, in nats.

    The cells must not be those from which the directions come. If residuals are Gaussian with variance ``v`` along a
    direction, and would have variance ``u`` if genes were independent, the gain is ``(r - log(1 + r)) / 2`` with
    ``r = v / u - 1``.
    """
    along = _total(total_of, ((directions.T @ part).square().sum(1) for part in residuals))
    of_genes = _total(total_of, (part.square().sum(1) for part in residuals))
    ratio = (along / (directions.square().T @ of_genes) - 1).clamp(min=0)
    return 0.5 * (ratio - ratio.log1p())


def n_that_gain(residuals: Sequence[torch.Tensor], total_of: Callable[[torch.Tensor], torch.Tensor]) -> int:
    """Return how many of the leading directions of one half of the cells raise the likelihood of the other half."""
    directions = leading_directions([part[:, ::2] for part in residuals], MAX_FREE, total_of)
    gain = held_out_gain(directions, [part[:, 1::2] for part in residuals], total_of)
    return int((gain >= MIN_GAIN).cumprod(0).sum())


def free_start(
    leftovers: Sequence[Leftover],
    n_dimensions: int,
    *,
    auto: bool,
    total_of: Callable[[torch.Tensor], torch.Tensor] = of_this_process,
) -> FreeStart:
    """Return initial values of free programs from what the other programs leave over.

    Parameters
    ----------
    leftovers
        What is left over in successive minibatches.
    n_dimensions
        Number of latent dimensions for free programs.
    auto
        Use only as many of them as raise the likelihood of held-out cells; the others stay 0.
    total_of
        As in :func:`gene_moments`.
    """
    residuals = [part.residuals for part in leftovers]
    n_genes = len(residuals[0])
    zeros = residuals[0].new_zeros
    start = FreeStart(zeros(n_dimensions, n_genes), zeros(n_dimensions, n_genes), zeros(n_dimensions))
    n_used = min(n_dimensions, n_genes, n_that_gain(residuals, total_of) if auto else n_dimensions)
    if not n_used:
        return start
    directions = leading_directions(residuals, n_used, total_of)
    activities = [directions.T @ part for part in residuals]
    n_cells = _total(total_of, (zeros(()) + part.shape[1] for part in activities))
    scale = (_total(total_of, (part.square().sum(1) for part in activities)) / n_cells).sqrt()
    activities = [part / scale[:, None] for part in activities]
    pairs = list(zip(activities, leftovers, strict=True))
    # one step of weighted least squares for each gene and direction
    slope = _total(total_of, (activity @ part.score.T for activity, part in pairs))
    # without what each gene adds to the activity it is compared with
    own = _total(
        total_of, ((residual * part.score).sum(1) for residual, part in zip(residuals, leftovers, strict=True))
    )
    slope = slope - directions.T / scale[:, None] * own
    precision = _total(total_of, (activity.square() @ part.information.T for activity, part in pairs))
    follows = slope.square() >= MIN_T**2 * precision
    loadings = torch.where(follows, slope / (precision + RIDGE), 0)
    # the read-out of a one-factor model, as in starting_point
    cross = _total(total_of, (activity @ part.standardised.T for activity, part in pairs)) / n_cells
    squares = _total(total_of, (part.standardised.square().sum(1) for part in leftovers))
    spread = (squares / n_cells).clamp(min=1e-6).sqrt()
    r = torch.where(follows, cross / spread, 0).clamp(-MAX_CORRELATION, MAX_CORRELATION)
    total = 1 + (r.square() / (1 - r.square())).sum(1)
    # more of a free program means more of the genes that follow it best
    sign = torch.where((slope * slope.abs() / precision.clamp(min=1e-6)).sum(1) < 0, -1.0, 1.0)[:, None]
    readout = r / (1 - r.square()) / total[:, None]
    # directions that no gene follows are not used
    some = follows.any(1)
    for values, found in (
        (start.loadings, sign * loadings),
        (start.readout, sign * readout),
        (start.log_var, -total.log()),
    ):
        values[: int(some.sum())] = found[some]
    return start


def typicality(loadings: torch.Tensor, information: torch.Tensor) -> torch.Tensor:
    """Return how typical genes are of free programs: the size of a loading, less for genes that cells seldom show.

    Parameters
    ----------
    loadings
        Free programs x genes.
    information
        Information of a count about its log rate, for each gene in a typical cell.
    """
    return loadings.abs() * (information / (information + SELDOM)).sqrt()


def make_orthogonal(
    free: torch.Tensor, programs: torch.Tensor, information: torch.Tensor, *, normalised: bool
) -> torch.Tensor:
    """Return loadings of free programs without what they share with those of some programs.

    Parameters
    ----------
    free
        Loadings of free programs, free programs x genes.
    programs
        Loadings of the programs that are to keep their signal, programs x genes.
    information
        Information of a count about its log rate, for each gene in a typical cell.
    normalised
        Whether rates are normalised over genes, so that a constant added to all loadings changes nothing.
    """
    weighted = programs * information
    gram, cross = weighted @ programs.T, free @ weighted.T
    if normalised:
        centre, total = weighted.sum(1), information.sum()
        gram = gram - torch.outer(centre, centre) / total
        cross = cross - torch.outer(free @ information, centre) / total
    gram.diagonal().add_(JITTER)
    return free - torch.cholesky_solve(cross.T, torch.linalg.cholesky(gram)).T @ programs


def _total(total_of: Callable[[torch.Tensor], torch.Tensor], parts: Iterable[torch.Tensor]) -> torch.Tensor:
    """Add up values over minibatches, and over other processes if there are any."""
    return total_of(reduce(torch.add, parts))
