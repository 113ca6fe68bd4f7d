r"""Which genes the encoder reads together: integrated Hessians, exact for one hidden ReLU layer.

The interaction of genes i and j in a function f between a baseline and a cell that differ by ``d`` is (Janizek et al.
2021, J Mach Learn Res 22:104)

.. math:: d_i d_j \int_0^1 \int_0^1 ab \, \partial_{ij} f(\text{baseline} + a b d) \, da \, db,

to which a gene's own row adds the same integral of its gradient. The second derivative of a ReLU unit is a pulse where
it turns on or off. Its input is linear along the path, so it does so once at most, at the share t of the way, and the
double integral of the pulse is ``-t log t`` over the change of its input. Nothing is smoothed or sampled.
"""

from __future__ import annotations

import torch

from ._attribution import MIN_CHANGE, Reader


def interactions(reader: Reader, x: torch.Tensor, baseline: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
    """Compute the interactions of some genes, latent x genes x genes, summed over cells.

    With all genes they sum to the change of the output. Off the diagonal they come from hidden units that turn on or
    off between baseline and cell; linear effects are on the diagonal.

    Parameters
    ----------
    reader
        The encoder.
    x
        Standardised expression, genes x cells.
    baseline
        What it is compared with, genes x 1.
    genes
        Positions of the genes wanted.
    """
    here, there = reader.hidden(x), reader.hidden(baseline).expand(-1, x.shape[1])
    change = here - there
    turns = ((here > 0) != (there > 0)) & (change.abs() >= MIN_CHANGE)
    # share of the way at which a unit turns; where none does, 1, whose -t log t is 0
    t = torch.where(turns, -there / change.where(turns, 1), 1).clamp(torch.finfo(x.dtype).tiny, 1)
    pulse = torch.where(turns, -t * t.log() / change.where(turns, 1).abs(), 0)
    # mean slope over the way with density -log t: t - t log t of it lies before the turn
    before = torch.where(turns, t - t * t.log(), 1)
    slope = torch.where(there > 0, before, 1 - before)
    slope = torch.where(turns, slope, (here > 0).to(x.dtype))

    difference, first = (x - baseline)[genes], reader.first[:, genes]
    own = reader.skip[:, genes] * difference.sum(1) + reader.last @ (first * (slope @ difference.T))
    together = torch.diag_embed(own)
    # (unit, cell) pairs that turn: each adds an outer product of what the genes change in its input
    unit, cell = turns.nonzero(as_tuple=True)
    for h in unit.unique():
        cells = cell[unit == h]
        parts = first[h][:, None] * difference[:, cells]
        together += reader.last[:, h, None, None] * ((parts * pulse[h, cells]) @ parts.T)
    return together
