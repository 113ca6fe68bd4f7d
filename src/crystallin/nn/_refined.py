"""Attributions of the refined activities to genes by several methods, each as pulls that add up.

The mode ``z`` is where ``J' s(x, z) = z``, so it is a smooth function of the counts ``x``, and its derivative is
implicit in that equation: ``dz / dx = H^-1 J' ds/dx``, with ``H`` the observed information rather than the expected
one. Depth is fixed: along a path through the counts of a cell, only their distribution over genes changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        point = _newton(cells, point, preconditioner)
    return climb(cells, point, preconditioner, LAST_TOLERANCE, LAST_STEPS)


def _newton(cells: Cells, point: Point, preconditioner: torch.Tensor) -> Point:
    """Take Newton steps until one is too short to matter."""
    weight = point.information.weight
    for _ in range(N_NEWTON):
        _, observed = cells.observed_at(point.z, weight)
        # away from the mode the information may not be positive definite, and steps may diverge
        direction = solve(observed, point.gradient, preconditioner, solve_to=NEWTON_SOLVE_TO).nan_to_num(0, 0, 0)
        length = (point.gradient * direction).sum(0).abs().max()
        point = damped_step(cells, point, direction)
        # convergence is quadratic
        if length < LAST_TOLERANCE:
            break
    return point


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
    difference, nodes, pulls = cells.counts - baseline, gauss_legendre(n_nodes), []
    starts = near_modes(cells, point.z, weight, preconditioner, baseline, [t for t, _ in nodes])
    for (t, share), start in zip(nodes, starts, strict=True):
        between = replace(cells, counts=baseline + t * difference)
        z = _newton(between, between.evaluate(start, weight), preconditioner).z
        pulls.append(gradient(between, z, weight, difference) * share)
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


def near_modes(
    cells: Cells,
    mode: torch.Tensor,
    weight: Weight,
    preconditioner: torch.Tensor,
    baseline: torch.Tensor,
    shares: Sequence[float],
) -> Iterator[torch.Tensor]:
    """Yield about the mode at each share of the way from the baseline's counts to the cells' own.

    Modes move along a slight bend, so the parabola through those at both ends and half way is close.
    """
    if set(shares) == {1.0}:
        yield from (mode for _ in shares)
        return
    baseline = baseline.expand_as(cells.counts)
    there = refine(replace(cells, counts=baseline), torch.zeros_like(mode), weight, preconditioner).z
    half = replace(cells, counts=baseline + 0.5 * (cells.counts - baseline))
    middle = refine(half, 0.5 * (mode + there), weight, preconditioner).z
    for t in shares:
        yield (2 * t - 1) * (t * mode + (t - 1) * there) + 4 * t * (1 - t) * middle


def contributions(cells: Cells, z: torch.Tensor, weight: Weight, difference: torch.Tensor) -> Pull:
    """Split the activity into contributions of genes, from the last weighted least-squares step; needs no baseline.

    Contributions sum to the activity. The weights of the genes, which depend on the cell, are taken as given
    (McCullagh & Nelder 1989, Generalized Linear Models, section 2.5).
    """
    return departure(cells, z, weight)


def gradient(cells: Cells, z: torch.Tensor, weight: Weight, difference: torch.Tensor) -> Pull:
    """Multiply the implicit derivative of the activities by the counts by a difference of counts.

    At the cell itself this would be the change of the activity if it were linear in the counts; it does not sum to the
    actual change.
    """
    by_count, observed = cells.observed_at(z, weight)
    return Pull(observed, by_count * difference)
