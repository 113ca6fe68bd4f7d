"""The arguments of :func:`crystallin.datasets.simulate`, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crystallin import _checks as checks

from ._design import check_design, check_pair
from ._rates import ARMS

MIN_CELLS = 10


@dataclass(frozen=True)
class Options:
    """Every argument as given; see :func:`crystallin.datasets.simulate` for what they mean."""

    n_obs: int
    n_vars: int
    arm: str
    n_programs: int
    n_decoys: int
    n_missing: int
    program_size: tuple[int, int]
    twins: Sequence[float]
    n_signed: int
    n_gated: int
    n_two_dimensional: int
    effect: float
    n_cell_types: int
    rare_fraction: float
    held_out_cell_type: bool
    conditions: Sequence[str]
    arms: Sequence[str]
    n_shifted: int
    n_arm_shifted: int
    n_interacting: int
    shift: float | tuple[float, float]
    shifted_types_fraction: float
    n_donors: int
    paired: bool
    donor_sd: float
    sample_sd: float
    donor_correlation: float
    n_outlier_donors: int
    outlier_factor: float
    cells_sd: float
    n_batches: int
    batch_effect: float
    confounding: float
    depth: float
    depth_sd: float
    dispersion: float
    ambient: float
    dropped: float
    added: float
    random_state: int

    def __post_init__(self) -> None:
        """Raise on what cannot be simulated."""
        for name in ("program_size", "twins", "conditions", "arms", "shift"):
            object.__setattr__(self, name, _in_order(getattr(self, name), name))
        for name in ("held_out_cell_type", "paired"):
            if getattr(self, name) not in (True, False):
                msg = f"{name}={getattr(self, name)!r} must be True or False."
                raise ValueError(msg)
        checks.check_choice(self.arm, "arm", ARMS)
        self._check_numbers()
        self._check_programs()
        check_design(self)

    @property
    def n_plain(self) -> int:
        """Programs of no special kind."""
        return self.n_programs - 2 * len(self.twins) - self.n_signed - self.n_gated - self.n_two_dimensional

    @property
    def n_types(self) -> int:
        """Cell types with the one held out."""
        return self.n_cell_types + bool(self.held_out_cell_type)

    @property
    def n_arms(self) -> int:
        """Arms of the study; one if there are none to tell apart."""
        return max(1, len(self.arms))

    @property
    def n_samples(self) -> int:
        """Donors or, if each is in every condition, donors times conditions."""
        return self.n_donors * (len(self.conditions) if self.paired else 1)

    @property
    def shift_range(self) -> tuple[float, float]:
        """Smallest and largest absolute shift."""
        return (self.shift, self.shift) if np.isscalar(self.shift) else tuple(self.shift)

    def as_params(self) -> dict[str, Any]:
        """The arguments in types that h5ad and zarr hold."""
        params = {name: np.asarray(v) if isinstance(v, list | tuple) else v for name, v in asdict(self).items()}
        arrays = {
            "program_size": np.asarray(self.program_size, dtype=int),
            "twins": np.asarray(self.twins, dtype=float),
            "conditions": np.asarray(self.conditions, dtype=object),
            "arms": np.asarray(self.arms, dtype=object),
            "shift": np.asarray(self.shift_range, dtype=float),
        }
        return {**params, **arrays}

    def _check_numbers(self) -> None:
        for name, minimum in (
            ("n_obs", MIN_CELLS),
            ("n_vars", 2),
            ("n_programs", 1),
            ("n_decoys", 0),
            ("n_missing", 0),
            ("n_signed", 0),
            ("n_gated", 0),
            ("n_two_dimensional", 0),
            ("n_cell_types", 1),
            ("n_shifted", 0),
            ("n_arm_shifted", 0),
            ("n_interacting", 0),
            ("n_donors", 1),
            ("n_outlier_donors", 0),
            ("n_batches", 1),
            ("random_state", 0),
        ):
            checks.check_int(getattr(self, name), name, minimum)
        for name in ("confounding", "dropped", "added", "shifted_types_fraction", "donor_correlation"):
            checks.check_number(getattr(self, name), name, 0, 1)
        for name in ("rare_fraction", "ambient"):
            checks.check_number(getattr(self, name), name, 0, 1, include_maximum=False)
        for name in ("effect", "donor_sd", "sample_sd", "outlier_factor", "cells_sd", "batch_effect", "depth_sd"):
            checks.check_number(getattr(self, name), name, 0)
        for name in ("depth", "dispersion"):
            checks.check_number(getattr(self, name), name, 0, include_minimum=False)

    def _check_programs(self) -> None:
        check_pair(self.program_size, "program_size", "smallest and largest number of genes, e.g. (20, 100)")
        for size in self.program_size:
            checks.check_int(size, "program_size", 2)
        if isinstance(self.twins, str) or not hasattr(self.twins, "__len__"):
            msg = f"twins={self.twins!r} must be a sequence of Jaccard indices, one for each pair, e.g. (0.3, 0.6)."
            raise ValueError(msg)
        for jaccard in self.twins:
            checks.check_number(jaccard, "twins", 0, 1, include_minimum=False, include_maximum=False)

        largest = self.program_size[1]
        # a twin's own genes, the added ones and a decoy's have to lie outside the set they belong to
        annotated = largest + round(self.added * largest)
        needed = {"a program with its added genes": annotated}
        if self.twins:
            needed["a pair of twins"] = 2 * largest
        if self.n_decoys:
            needed["a program and its decoy"] = 2 * annotated
        what = max(needed, key=needed.get)
        if needed[what] > self.n_vars:
            msg = (
                f"program_size={tuple(self.program_size)} is too large for n_vars={self.n_vars}: {what} may take "
                f"{needed[what]} genes. Lower program_size, or raise n_vars to at least {needed[what]}."
            )
            raise ValueError(msg)
        if self.n_plain < 0:
            msg = (
                f"n_programs={self.n_programs} is less than the programs of special kinds: {2 * len(self.twins)} twins "
                f"(two a pair), n_signed={self.n_signed}, n_gated={self.n_gated}, "
                f"n_two_dimensional={self.n_two_dimensional}. Raise n_programs or ask for fewer."
            )
            raise ValueError(msg)
        if self.n_gated and not self.n_plain:
            msg = (
                f"n_gated={self.n_gated} needs a plain program as gate, but all {self.n_programs} are of special "
                "kinds; raise n_programs."
            )
            raise ValueError(msg)
        if self.n_missing > self.n_plain or self.n_missing == self.n_programs:
            msg = (
                f"n_missing={self.n_missing} programs cannot be left out: they are taken from the {self.n_plain} plain "
                "ones, and one set at least must be annotated. Lower n_missing or raise n_programs."
            )
            raise ValueError(msg)


def _in_order(value: Any, argument: str) -> Any:
    """Return arrays as lists, raising on what has no order, since the first condition is the reference."""
    if isinstance(value, Set | Mapping):
        msg = f"{argument}={value!r} is a {type(value).__name__}, which has no order; give a list or a tuple."
        raise ValueError(msg)
    return value.tolist() if hasattr(value, "tolist") else value
