"""The design of the study: which arguments fit together, and which donor is in which arm and condition."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks

if TYPE_CHECKING:
    from ._options import Options


def deal_donors(options: Options) -> tuple[np.ndarray, np.ndarray]:
    """For each donor the code of the arm and, unless donors are in all conditions, that of the condition."""
    donor = np.arange(options.n_donors)
    n_arms, n_conditions = options.n_arms, len(options.conditions)
    if options.paired:
        return donor % n_arms, np.zeros_like(donor)
    # The arm skips one each time that arms and conditions are in step again. So all combinations are met before any is
    # met twice and, unlike in the order of a table, arms and conditions are each even wherever the donors end.
    return (donor + donor // lcm(n_arms, n_conditions)) % n_arms, donor % n_conditions


def check_design(options: Options) -> None:
    """Raise on designs that cannot be simulated."""
    check_names(options.conditions, "conditions", ("ctrl", "stim"))
    if options.arms not in ((), []):
        check_names(options.arms, "arms", ("control", "treated"))
    _check_shifts(options)
    _check_donors(options)
    n_conditions = len(options.conditions)
    if options.n_obs < max(options.n_types, options.n_samples, options.n_batches):
        msg = (
            f"n_obs={options.n_obs} is too few for {options.n_types} cell types, {options.n_samples} samples and "
            f"{options.n_batches} batches; each takes a cell at least."
        )
        raise ValueError(msg)
    if options.confounding and (options.n_batches < 2 or n_conditions < 2):
        msg = (
            f"confounding={options.confounding} needs at least two batches and two conditions; there are "
            f"n_batches={options.n_batches} and conditions={tuple(options.conditions)}."
        )
        raise ValueError(msg)


def check_names(names: Any, argument: str, example: tuple[str, str]) -> None:
    """Raise unless ``names`` is a sequence of distinct names."""
    is_sequence = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_sequence or not names or not all(isinstance(name, str) and name for name in names):
        msg = f"{argument}={names!r} must be a sequence of names, the reference first, e.g. {example}."
        raise ValueError(msg)
    if len(set(names)) < len(names):
        msg = f"{argument}={names!r} holds a name twice; give each {argument.removesuffix('s')} its own."
        raise ValueError(msg)


def check_pair(value: Any, argument: str, wanted: str) -> None:
    """Raise unless ``value`` is two numbers in rising order."""
    if not hasattr(value, "__len__") or len(value) != 2 or value[0] > value[1]:
        msg = f"{argument}={value!r} must be {wanted}, in rising order."
        raise ValueError(msg)


def _check_shifts(options: Options) -> None:
    if not np.isscalar(options.shift):
        check_pair(options.shift, "shift", "a number or smallest and largest size, e.g. (0.2, 1)")
    for size in options.shift_range:
        checks.check_number(size, "shift", 0)
    # shifts of the only arm could not be told from the types' means, so that a request for them is a mistake
    if len(options.arms) == 1:
        msg = (
            f"arms={tuple(options.arms)} names one arm, but a study has at least two, the reference first, e.g. "
            "('control', 'treated'). Add an arm, or leave arms empty if there is nothing to compare."
        )
        raise ValueError(msg)
    for name in ("n_arm_shifted", "n_interacting"):
        number = getattr(options, name)
        if number and not options.arms:
            msg = (
                f"{name}={number} needs arms, but arms={options.arms!r} is empty. Name the arms of the study, the "
                f"reference first, e.g. arms=('control', 'treated'), or set {name}=0."
            )
            raise ValueError(msg)
    if options.n_interacting and len(options.conditions) < 2:
        msg = (
            f"n_interacting={options.n_interacting} needs at least two conditions, between which arms change "
            f"differently, but there is only conditions={tuple(options.conditions)}. Add a condition, or use "
            "n_arm_shifted for differences between arms."
        )
        raise ValueError(msg)


def _check_donors(options: Options) -> None:
    n_donors, n_arms, n_conditions = options.n_donors, options.n_arms, len(options.conditions)
    if options.paired and n_donors < n_arms:
        msg = (
            f"n_donors={n_donors} is fewer than the {n_arms} arms, but every donor is in one arm only; raise n_donors."
        )
        raise ValueError(msg)
    if not options.paired and n_donors < n_arms * n_conditions:
        what = f"{n_conditions} conditions"
        if options.arms:
            what = f"{n_arms * n_conditions} combinations of arm and condition"
        msg = (
            f"n_donors={n_donors} is fewer than the {what}, but with paired=False every donor is in one condition "
            "only; raise n_donors or set paired=True."
        )
        raise ValueError(msg)
    if options.n_outlier_donors > n_donors:
        msg = (
            f"n_outlier_donors={options.n_outlier_donors} is more than n_donors={n_donors}; lower n_outlier_donors or "
            "raise n_donors."
        )
        raise ValueError(msg)
