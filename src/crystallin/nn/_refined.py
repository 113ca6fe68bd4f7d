"""Which genes the refined activities come from, by several methods, each as pulls that add up.

The mode ``z`` is where ``J' s(x, z) = z``, so it is a smooth function of the counts ``x``, and its derivative is
implicit in that equation: ``dz / dx = H^-1 J' ds/dx``, with ``H`` the observed information rather than the expected
one. Depth is given: a path through the counts of a cell is one of how they are spread over genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from ._contributions import Pull, departure
from ._edges import Weight
from ._quadrature import gauss_legendre
from ._refine import Cells, Point, climb, damped_step, refine, solve

# Newton steps with the observed information, to the precision of the numbers, and how precisely each is solved for
N_NEWTON, NEWTON_SOLVE_TO = 4, 1e-4
# Fisher scoring for those cells in which they lead nowhere
LAST_TOLERANCE, LAST_STEPS = 1e-6, 100
# the activity is smooth along the path of nearly all cells; those where it is not, so that attributions miss the change
# of the activity by more than this, take more nodes
N_PATH_NODES, N_MORE_NODES = 8, 32
MAX_GAP = 3e-3


def precise_mode(cells: Cells, start: torch.Tensor, weight: Weight, preconditioner: torch.Tensor) -> Point:
    """Mode of the posterior, nearer than activities need: attributions sum to the activity as closely as it is found.

    Fisher scoring takes many steps for the last part of the way in cells with outlying counts. Newton steps with the
    observed information take few, but that of a zero-inflated likelihood is not smooth.
    """
    point = refine(cells, start, weight, preconditioner)
    if cells.likelihood.kind != "zinb":
        for _ in range(N_NEWTON):
            _, observed = cells.observed_at(point.z, weight)
            direction = solve(observed, point.gradient, preconditioner, solve_to=NEWTON_SOLVE_TO)
            # away from the mode it need not be positive definite, and the way it points to may have no end
            point = damped_step(cells, point, direction.nan_to_num(0, 0, 0))
    return climb(cells, point, preconditioner, LAST_TOLERANCE, LAST_STEPS)


def contributions(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
) -> Iterator[Pull]:
    """The activity as a sum over genes, from the last weighted least-squares step; needs no baseline.

    Sums to the activity. Assumes that the weights of the genes, which depend on the cell, are not to be explained
    themselves (McCullagh & Nelder 1989, Generalized Linear Models, section 2.5).
    """
    yield departure(cells, point.z, weight)


def gradient_input(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
) -> Iterator[Pull]:
    """Implicit derivative of the activity by the counts, times the difference from the baseline.

    What the activity would do if it were linear in the counts; does not sum to its change.
    """
    yield _gradient(cells, point.z, weight, cells.counts - baseline)


def integrated_gradients(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
) -> Iterator[Pull]:
    """Implicit derivative averaged along the straight path from the baseline's counts, times the difference.

    Gauss-Legendre nodes, at each of which the mode is found anew. Sums to the difference of the activities
    (Sundararajan et al. 2017, ICML, 3319). Assumes that the path leads through plausible cells.
    """
    yield from _along_path(cells, point, weight, preconditioner, baseline, N_PATH_NODES)


def _along_path(
    cells: Cells,
    point: Point,
    weight: Weight,
    preconditioner: torch.Tensor,
    baseline: torch.Tensor,
    n_nodes: int,
) -> Iterator[Pull]:
    difference, z, pulls = cells.counts - baseline, point.z, []
    for t, share in gauss_legendre(n_nodes):
        between = replace(cells, counts=baseline + t * difference)
        # each mode is the start for the next
        z = precise_mode(between, z, weight, preconditioner).z
        pulls.append(_gradient(between, z, weight, difference) * share)
    if n_nodes == N_MORE_NODES:
        yield from pulls
        return
    there = precise_mode(replace(cells, counts=baseline.expand_as(cells.counts)), z, weight, preconditioner).z
    gap = point.z - there - sum(pull.sums(preconditioner) for pull in pulls)
    is_rough = ~(gap.abs().amax(0) <= MAX_GAP)
    if not is_rough.any():
        yield from pulls
        return
    smooth, rough = (~is_rough).nonzero()[:, 0], is_rough.nonzero()[:, 0]
    if len(smooth):
        yield from (pull[smooth] for pull in pulls)
    baseline = baseline[:, rough] if baseline.shape[1] > 1 else baseline
    for pull in _along_path(cells[rough], point[rough], weight, preconditioner, baseline, N_MORE_NODES):
        yield replace(pull, cells=rough)


def _gradient(cells: Cells, z: torch.Tensor, weight: Weight, difference: torch.Tensor) -> Pull:
    """Implicit derivative of the activities by the counts, times a difference of counts."""
    by_count, observed = cells.observed_at(z, weight)
    return Pull(observed, by_count * difference)
