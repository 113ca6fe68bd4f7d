"""How active each program is in each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._cells import Cells, type_shares
from ._options import Options
from ._rates import LOG_ADDITIVE, softplus
from ._samples import draw_sample_effects
from ._shifts import Shifts, draw_shifts

# share of programs that a cell type turns up or down
ON_SHARE = 0.3
# spread of these, and spread of cells within a type: some 40 % of a program's variance is between types
BETWEEN_SD = 1.5
WITHIN_SD = 0.7


@dataclass(frozen=True)
class Effects:
    """What acts on activities.

    Attributes
    ----------
    type_share
        Share of each type among cells.
    type_mean
        Types x dimensions, before standardisation.
    sample
        Donors x conditions x types x dimensions, in sd of activity: effects of donors and of their samples.
    shifts
        Effects of conditions and arms.
    """

    type_share: np.ndarray
    type_mean: np.ndarray
    sample: np.ndarray
    shifts: Shifts


def draw_effects(options: Options, gate: np.ndarray, rng: np.random.Generator) -> Effects:
    """Draw the effects of types, donors, samples, conditions and arms."""
    n_types, n_dimensions = options.n_types, len(gate)
    # a generator for each, so that one design differs from another only in what was asked for
    share_rng, type_rng, donor_rng, condition_rng, arm_rng, interaction_rng, sample_rng, axis_rng = rng.spawn(8)
    is_on = type_rng.random((n_types, n_dimensions)) < ON_SHARE
    type_mean = np.where(is_on, type_rng.normal(0, BETWEEN_SD, is_on.shape), 0)
    sample = draw_sample_effects(options, n_dimensions, donor_rng, sample_rng, axis_rng)
    shifts = draw_shifts(options, gate, condition_rng, arm_rng, interaction_rng)
    return Effects(type_shares(options, share_rng), type_mean, sample, shifts)


def draw_activity(effects: Effects, cells: Cells, gate: np.ndarray, arm: str, rng: np.random.Generator) -> np.ndarray:
    """Cells x dimensions, float32: z or, in the additive arm, softplus(z); 0 where a gated program's gate is shut."""
    n_cells, n_dimensions = len(cells.cell_type), len(gate)
    z = WITHIN_SD * rng.standard_normal((n_cells, n_dimensions), dtype=np.float32)
    z += effects.type_mean.astype(np.float32)[cells.cell_type]
    ordinary = z[~cells.held_out]
    z -= ordinary.mean(axis=0, dtype=np.float64)
    z /= ordinary.std(axis=0, dtype=np.float64)
    z += effects.sample.astype(np.float32)[cells.donor, cells.condition, cells.cell_type]
    z += effects.shifts.total.astype(np.float32)[cells.arm, cells.condition, cells.cell_type]
    is_gated = gate >= 0
    is_open = z[:, gate[is_gated]] > 0
    activity = z if arm == LOG_ADDITIVE else softplus(z)
    activity[:, is_gated] *= is_open
    return activity
