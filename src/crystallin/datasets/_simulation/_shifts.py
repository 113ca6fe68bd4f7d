"""What conditions and arms of a study change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._options import Options

# code of no condition or arm in particular: the last of the names, which is ""
ALL = -1


@dataclass(frozen=True)
class Shifts:
    """Changes of z, in sd of activity; 0 for references.

    Attributes
    ----------
    condition
        Conditions x types x dimensions, in all arms.
    arm
        Arms x types x dimensions, in all conditions.
    interaction
        Arms x conditions x types x dimensions.
    """

    condition: np.ndarray
    arm: np.ndarray
    interaction: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Arms x conditions x types x dimensions: what changes in all."""
        return self.condition[None] + self.arm[:, None] + self.interaction


def draw_shifts(
    options: Options,
    gate: np.ndarray,
    condition_rng: np.random.Generator,
    arm_rng: np.random.Generator,
    interaction_rng: np.random.Generator,
) -> Shifts:
    """Draw the dimensions that conditions, arms and arms in conditions shift, each independently of the others."""
    n_arms, n_conditions, shape = options.n_arms, len(options.conditions), (options.n_types, len(gate))
    # a gate that moves would move what it gates: leave both alone, so that the table tells all that changes
    free = np.flatnonzero((gate < 0) & ~np.isin(np.arange(len(gate)), gate))
    # without a second condition n_shifted is not used
    for name in ("n_shifted", "n_arm_shifted", "n_interacting") if n_conditions > 1 else ("n_arm_shifted",):
        number = getattr(options, name)
        if number > len(free):
            msg = (
                f"{name}={number} is more than the {len(free)} dimensions that are neither gated nor gates; "
                f"lower {name} or raise n_programs."
            )
            raise ValueError(msg)
    shifts = Shifts(
        np.zeros((n_conditions, *shape)), np.zeros((n_arms, *shape)), np.zeros((n_arms, n_conditions, *shape))
    )
    for condition in range(1, n_conditions):
        _shift(shifts.condition[condition], options, options.n_shifted, free, condition_rng)
    for arm in range(1, n_arms):
        _shift(shifts.arm[arm], options, options.n_arm_shifted, free, arm_rng)
        for condition in range(1, n_conditions):
            _shift(shifts.interaction[arm, condition], options, options.n_interacting, free, interaction_rng)
    return shifts


def shift_table(options: Options, shifts: Shifts, type_names: np.ndarray, dimensions: pd.DataFrame) -> pd.DataFrame:
    """One row per change: ``condition``, ``arm``, ``cell_type``, ``program``, ``dimension``, ``shift``."""
    in_condition, in_arm, in_both = (np.nonzero(s) for s in (shifts.condition, shifts.arm, shifts.interaction))
    condition = np.concatenate([in_condition[0], np.full(len(in_arm[0]), ALL), in_both[1]])
    arm = np.concatenate([np.full(len(in_condition[0]), ALL), in_arm[0], in_both[0]])
    cell_type, dimension = (np.concatenate([in_condition[k], in_arm[k], in_both[k]]) for k in (-2, -1))
    sizes = [shifts.condition[in_condition], shifts.arm[in_arm], shifts.interaction[in_both]]
    return pd.DataFrame(
        {
            "condition": np.array([*options.conditions, ""], dtype=object)[condition],
            "arm": np.array([*options.arms, ""], dtype=object)[arm],
            "cell_type": type_names[cell_type],
            "program": dimensions["program"].to_numpy()[dimension],
            "dimension": dimensions["name"].to_numpy()[dimension],
            "shift": np.concatenate(sizes),
        }
    )


def _shift(shift: np.ndarray, options: Options, n: int, free: np.ndarray, rng: np.random.Generator) -> None:
    """Shift ``n`` of the ``free`` dimensions of types x dimensions, in place."""
    n_types = len(shift)
    n_types_shifted = max(1, round(options.shifted_types_fraction * n_types)) if options.shifted_types_fraction else 0
    for dimension in rng.choice(free, n, replace=False):
        size = rng.uniform(*options.shift_range) * rng.choice([-1, 1])
        shift[rng.permutation(n_types)[:n_types_shifted], dimension] = size
