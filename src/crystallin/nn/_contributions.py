"""Which genes the refined activity of a program comes from: an exact sum.

At the mode the activities solve a weighted least-squares problem (the last step of iteratively reweighted least
squares). The log rate of each gene departs from that of a cell without activities by ``J z + s / D``: what the model
explains and what is left, with ``J`` the derivative of log rates by activities, ``D`` the information of a count and
``s`` its score. The activity of a program is the sum over genes of that departure times a weight, ``(J H^-1)_gp D_g``,
where ``H`` is the information of the cell. Genes outside the program have a weight only where programs overlap.
"""

from __future__ import annotations

import torch

from ._edges import Weight
from ._refine import Cells, Point, solve

# residual of the solution, of its start; contributions sum to the activity to about as much
SOLVE_TO = 1e-5


def gene_contributions(
    cells: Cells, point: Point, weight: Weight, preconditioner: torch.Tensor, dimension: int
) -> torch.Tensor:
    """Contributions of genes to the activity of one program, genes x cells; they sum to the activity.

    Parameters
    ----------
    cells
        Counts, offsets and likelihood.
    point
        The mode.
    weight
        Loadings.
    preconditioner
        Latent x latent, about the inverse of the cells' information.
    dimension
        Latent dimension of the program.
    """
    _, score, information = cells.counts_at(point.z, weight)
    unit = torch.zeros_like(point.z)
    unit[dimension] = 1
    # departure times information, so that a gene without information is no division by zero
    departure = information.of_counts * information.log_rate_change(point.z) + score
    return information.log_rate_change(solve(information, unit, preconditioner, solve_to=SOLVE_TO)) * departure
