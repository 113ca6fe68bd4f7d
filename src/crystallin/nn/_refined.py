"""Which genes the refined activities come from, by several methods, each as pulls that add up.

The mode ``z`` is where ``J' s(x, z) = z``, so it is a smooth function of the counts ``x``, and its derivative is implicit
in that equation: ``dz / dx = H^-1 J' ds/dx``, with ``H`` the observed information rather than the expected one. Depth is
given: a path through the counts of a cell is one of how they are spread over genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from ._contributions import Pull, departure
from ._edges import Weight
from ._quadrature import gauss_legendre
from ._refine import Cells, Information, Point, refine

# nearer to the mode than activities need: attributions sum to differences of activity as closely as it is found
TOLERANCE, MAX_STEPS = 1e-6, 100
# the activity is smooth along the path; benchmarks/attribution.py shows what is left with fewer
N_PATH_NODES = 8


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
    difference, z = cells.counts - baseline, point.z
    for t, share in gauss_legendre(N_PATH_NODES):
        between = replace(cells, counts=baseline + t * difference)
        # each mode is the start for the next
        z = refine(between, z, weight, preconditioner, tolerance=TOLERANCE, max_steps=MAX_STEPS).z
        pull = _gradient(between, z, weight, difference)
        yield Pull(pull.information, share * pull.terms)


def _gradient(cells: Cells, z: torch.Tensor, weight: Weight, difference: torch.Tensor) -> Pull:
    """Implicit derivative of the activities by the counts, times a difference of counts."""
    _, score, information = cells.counts_at(z, weight)
    by_count, observed = cells.likelihood.sensitivity(cells.counts, cells.log_mean(z, weight))
    if information.share is not None:
        # moving a rate changes the shares, which act on all scores alike
        observed = observed + information.share * score.sum(0)
    return Pull(Information(weight, observed, information.share), by_count * difference)
