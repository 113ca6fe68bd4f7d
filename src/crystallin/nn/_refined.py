"""Attributions of the refined activities to genes by several methods, each as pulls that add up.

The mode ``z`` is where ``J' s(x, z) = z``, so it is a smooth function of the counts ``x``, and its derivative is
implicit in that equation: ``dz / dx = H^-1 J' ds/dx``, with ``H`` the observed information rather than the expected
one. Depth is fixed: along a path through the counts of a cell, only their distribution over genes changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from ._contributions import Pull, departure
from ._edges import Weight
from ._quadrature import gauss_legendre
from ._refine import Cells, Point, climb, damped_step, refine, solve

# number of Newton steps with the observed information, to floating-point precision, and precision of solving for each
N_NEWTON, NEWTON_SOLVE_TO = 4, 1e-4
# number of Fisher scoring steps for cells in which Newton steps do not converge
LAST_TOLERANCE, LAST_STEPS = 1e-6, 100
# the activity is smooth along the path of nearly all cells; if it is not, so that the error of the sum of attributions
# is larger than this, more nodes are used
N_PATH_NODES, N_MORE_NODES = 8, 32
MAX_GAP = 3e-3


def precise_mode(cells: Cells, start: torch.Tensor, weight: Weight, preconditioner: torch.Tensor) -> Point:
    """Find the mode of the posterior more precisely than for activities, so that attributions sum to it closely.

    Fisher scoring takes many steps near the mode in cells with outlying counts. Newton steps with the observed
    information take few, but are not possible with a zero-inflated likelihood, which is not smooth.
    """
    point = refine(cells, start, weight, preconditioner)
    if cells.likelihood.kind != "zinb":
        for _ in range(N_NEWTON):
            _, observed = cells.observed_at(point.z, weight)
            direction = solve(observed, point.gradient, preconditioner, solve_to=NEWTON_SOLVE_TO)
            # away from the mode the information may not be positive definite, and steps may diverge
            point = damped_step(cells, point, direction.nan_to_num(0, 0, 0))
    return climb(cells, point, preconditioner, LAST_TOLERANCE, LAST_STEPS)


def contributions(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
) -> Iterator[Pull]:
    """Split the activity into contributions of genes, from the last weighted least-squares step; needs no baseline.

    Contributions sum to the activity. The weights of the genes, which depend on the cell, are taken as given
    (McCullagh & Nelder 1989, Generalized Linear Models, section 2.5).
    """
    yield departure(cells, point.z, weight)


def gradient_input(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
) -> Iterator[Pull]:
    """Multiply the implicit derivative of the activity by the counts by the difference from the baseline.

    This would be the change of the activity if it were linear in the counts; it does not sum to the actual change.
    """
    yield _gradient(cells, point.z, weight, cells.counts - baseline)


def integrated_gradients(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, baseline: torch.Tensor
) -> Iterator[Pull]:
    """Average the implicit derivative along the straight path from the baseline's counts, times the difference.

    The mode is found again at each Gauss-Legendre node. Attributions sum to the difference of the activities
    (Sundararajan et al. 2017, ICML, 3319). The method assumes that the path leads through plausible cells.
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
    """Multiply the implicit derivative of the activities by the counts by a difference of counts."""
    by_count, observed = cells.observed_at(z, weight)
    return Pull(observed, by_count * difference)
