"""How active each program is in each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._cells import Cells, type_shares
from ._options import Options
from ._rates import LOG_ADDITIVE, softplus

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
    donor
        Donors x types x dimensions, in sd of activity.
    shift
        Conditions x types x dimensions, in sd of activity; 0 for the reference condition.
    """

    type_share: np.ndarray
    type_mean: np.ndarray
    donor: np.ndarray
    shift: np.ndarray


def draw_effects(options: Options, gate: np.ndarray, rng: np.random.Generator) -> Effects:
    """Draw the effects of types, donors and conditions."""
    n_types, n_dimensions = options.n_types, len(gate)
    # a generator for each, so that one design differs from another only in what was asked for
    share_rng, type_rng, donor_rng, shift_rng = rng.spawn(4)
    is_on = type_rng.random((n_types, n_dimensions)) < ON_SHARE
    type_mean = np.where(is_on, type_rng.normal(0, BETWEEN_SD, is_on.shape), 0)
    # the effect of the only donor could not be told from the type's mean
    donor_sd = options.donor_sd if options.n_donors > 1 else 0.0
    donor = donor_sd * donor_rng.standard_normal((options.n_donors, n_types, n_dimensions))
    return Effects(type_shares(options, share_rng), type_mean, donor, _draw_shifts(options, gate, shift_rng))


def draw_activity(effects: Effects, cells: Cells, gate: np.ndarray, arm: str, rng: np.random.Generator) -> np.ndarray:
    """Cells x dimensions, float32: z or, in the additive arm, softplus(z); 0 where a gated program's gate is shut."""
    n_cells, n_dimensions = len(cells.cell_type), len(gate)
    z = WITHIN_SD * rng.standard_normal((n_cells, n_dimensions), dtype=np.float32)
    z += effects.type_mean.astype(np.float32)[cells.cell_type]
    ordinary = z[~cells.held_out]
    z -= ordinary.mean(axis=0, dtype=np.float64)
    z /= ordinary.std(axis=0, dtype=np.float64)
    z += effects.donor.astype(np.float32)[cells.donor, cells.cell_type]
    z += effects.shift.astype(np.float32)[cells.condition, cells.cell_type]
    is_gated = gate >= 0
    is_open = z[:, gate[is_gated]] > 0
    activity = z if arm == LOG_ADDITIVE else softplus(z)
    activity[:, is_gated] *= is_open
    return activity


def shift_table(options: Options, shift: np.ndarray, type_names: np.ndarray, dimensions: pd.DataFrame) -> pd.DataFrame:
    """One row for each change: ``condition``, ``cell_type``, ``program``, ``dimension``, ``shift``."""
    condition, cell_type, dimension = np.nonzero(shift)
    return pd.DataFrame(
        {
            "condition": np.asarray(options.conditions, dtype=object)[condition],
            "cell_type": type_names[cell_type],
            "program": dimensions["program"].to_numpy()[dimension],
            "dimension": dimensions["name"].to_numpy()[dimension],
            "shift": shift[condition, cell_type, dimension],
        }
    )


def _draw_shifts(options: Options, gate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n_conditions, n_types = len(options.conditions), options.n_types
    shift = np.zeros((n_conditions, n_types, len(gate)))
    # a gate that moves would move what it gates: leave both alone, so that the table tells all that changes
    free = np.flatnonzero((gate < 0) & ~np.isin(np.arange(len(gate)), gate))
    if n_conditions > 1 and options.n_shifted > len(free):
        msg = (
            f"n_shifted={options.n_shifted} is more than the {len(free)} dimensions that are neither gated nor gates; "
            "lower n_shifted or raise n_programs."
        )
        raise ValueError(msg)
    n_types_shifted = max(1, round(options.shifted_types_fraction * n_types)) if options.shifted_types_fraction else 0
    for condition in range(1, n_conditions):
        for dimension in rng.choice(free, options.n_shifted, replace=False):
            size = rng.uniform(*options.shift_range) * rng.choice([-1, 1])
            shift[condition, rng.permutation(n_types)[:n_types_shifted], dimension] = size
    return shift
