"""Which cell is of which type, donor, arm, condition and batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._design import deal_donors
from ._options import Options
from ._samples import round_shares, sample_sizes

# concentration of the shares of common cell types: most lie within a factor of two of each other
SHARE_CONCENTRATION = 10.0


@dataclass(frozen=True)
class Cells:
    """One entry per cell; all but ``depth`` and ``held_out`` are codes."""

    cell_type: np.ndarray
    donor: np.ndarray
    arm: np.ndarray
    condition: np.ndarray
    batch: np.ndarray
    depth: np.ndarray
    held_out: np.ndarray


def type_shares(options: Options, rng: np.random.Generator) -> np.ndarray:
    """Share of each cell type; the last ordinary one is rare, and the one held out is an average one."""
    shares = rng.dirichlet(np.full(options.n_cell_types, SHARE_CONCENTRATION))
    if options.rare_fraction and options.n_cell_types > 1:
        shares[:-1] *= (1 - options.rare_fraction) / shares[:-1].sum()
        shares[-1] = options.rare_fraction
    if options.held_out_cell_type:
        shares = np.append(shares * options.n_cell_types, 1) / (options.n_cell_types + 1)
    return shares


def draw_cells(options: Options, shares: np.ndarray, rng: np.random.Generator) -> Cells:
    """Deal cells to types (exact shares, each at least one), samples and batches, and draw their depths."""
    n = options.n_obs
    cell_type = rng.permutation(np.repeat(np.arange(len(shares)), 1 + round_shares(shares, n - len(shares))))
    dealt = np.arange(n) % options.n_samples
    if options.cells_sd:
        # a generator of its own, so that all else stays as it is with equal numbers
        dealt = np.repeat(np.arange(options.n_samples), sample_sizes(options, rng.spawn(1)[0]))
    sample = rng.permutation(dealt)
    arm_of, condition_of = deal_donors(options)
    donor, condition = np.divmod(sample, len(options.conditions)) if options.paired else (sample, condition_of[sample])
    depth = options.depth * np.exp(options.depth_sd * rng.standard_normal(n))
    held_out = cell_type >= options.n_cell_types
    batch = _deal_batches(options, condition, rng)
    return Cells(cell_type, donor, arm_of[donor], condition, batch, depth, held_out)


def _deal_batches(options: Options, condition: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Batch of each cell; conditions take turns in which half of the batches they prefer."""
    n, n_batches = len(condition), options.n_batches
    if not options.confounding:
        return rng.permutation(np.arange(n) % n_batches)
    n_first = n_batches // 2
    prefers_first = condition % 2 == 0
    in_first = (rng.random(n) < (1 + options.confounding) / 2) == prefers_first
    return np.where(in_first, rng.integers(0, n_first, n), rng.integers(n_first, n_batches, n))
