"""Contrasts: which combination of a model's coefficients is of interest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from formulaic.errors import FormulaicError
from formulaic.utils.constraints import LinearConstraints

from crystallin import _checks as checks

from ._formula import Study

ROUNDING = 1e-9
EXAMPLE = '{"condition": ("ctrl", "stim")}'


@dataclass(frozen=True)
class Contrast:
    """A combination of coefficients.

    Attributes
    ----------
    name
        In words, such as ``"condition: stim - ctrl"``.
    weights
        Weight of each coefficient.
    compared
        Columns whose levels it compares.
    """

    name: str
    weights: np.ndarray
    compared: tuple[str, ...]


def make_contrasts(study: Study, contrast: Any) -> list[Contrast]:
    """Return contrasts, given as a coefficient's name, a mapping of columns to levels, or several of these."""
    several = isinstance(contrast, Sequence) and not isinstance(contrast, str)
    given = list(contrast) if several else [contrast]
    if not given:
        msg = f"contrast={contrast!r} is empty. Name a coefficient, or two levels of a column: {EXAMPLE}."
        raise ValueError(msg)
    made = []
    for one in given:
        if isinstance(one, str):
            made.append(_of_coefficients(study, one))
        elif isinstance(one, Mapping):
            made.append(_of_levels(study, dict(one)))
        else:
            msg = (
                f"contrast={one!r} must be the name of a coefficient, or a dictionary of columns and levels, such as "
                f"{EXAMPLE}; it is of type {type(one).__name__}."
            )
            raise TypeError(msg)
    names = [one.name for one in made]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"contrast names {repeated[0]!r} twice; leave one out."
        raise ValueError(msg)
    return made


def _of_coefficients(study: Study, text: str) -> Contrast:
    """Return a contrast from a coefficient's name, or from a sum of names in backticks."""
    names = list(map(str, study.matrix.columns))
    if not text.strip():
        msg = f"contrast is empty text. Name a coefficient ({', '.join(map(repr, names))}), or levels: {EXAMPLE}."
        raise ValueError(msg)
    if text in names:
        weights = np.array([float(name == text) for name in names])
    else:
        try:
            found = LinearConstraints.from_spec(text, variable_names=names)
        except (FormulaicError, KeyError, ValueError, TypeError) as error:
            msg = (
                f"contrast={text!r} is neither a coefficient of the design nor a sum of them. Its coefficients are "
                f"{', '.join(map(repr, names))}; in sums, write them in backticks: `{names[-1]}` - `{names[0]}`. Or "
                f"name the levels of a column: {EXAMPLE}."
            )
            raise ValueError(msg) from error
        weights = np.asarray(found.constraint_matrix, dtype=float)
        if len(weights) != 1 or np.any(found.constraint_values):
            msg = f"contrast={text!r} must be one sum of coefficients, without a right-hand side."
            raise ValueError(msg)
        weights = weights[0]
    if not weights.any():
        msg = f"contrast={text!r} is zero. Name different coefficients."
        raise ValueError(msg)
    # the columns of whose factors any coefficient is part
    used = [name for name, indices in study.of_variables().items() if weights[indices].any()]
    return Contrast(text, weights, tuple(used))


def _of_levels(study: Study, levels: dict[str, Any]) -> Contrast:
    """Return the difference between levels; of several columns, the difference of their differences."""
    unknown = [name for name in levels if name not in study.columns]
    if unknown or not levels:
        columns = ", ".join(map(repr, study.columns))
        msg = f"contrast names {', '.join(map(repr, unknown)) or 'no column'}, but the design's columns are {columns}."
        raise ValueError(msg)
    pairs, held = {}, {}
    for name, value in levels.items():
        if isinstance(value, tuple | list):
            pairs[name] = _pair(study, name, value)
        else:
            held[name] = _level(study, name, value)
    if not pairs:
        msg = f"contrast={levels!r} holds levels but compares none. Give a pair of levels for one column: {EXAMPLE}."
        raise ValueError(msg)
    weights = _difference(study, pairs, held)
    if not np.abs(weights).max() > ROUNDING:
        names = " and ".join(map(repr, pairs))
        msg = (
            f"contrast={levels!r} is zero under this design, because the design has no interaction of {names}. Write "
            f"{' * '.join(pairs)} in the formula."
        )
        raise ValueError(msg)
    # other columns matter only if they interact with those that are compared
    for name in study.columns:
        if name in levels:
            continue
        first, others = study.held_at(name)
        changed = [_difference(study, pairs, {**held, name: other}) for other in others]
        if any(not np.allclose(one, weights, rtol=0, atol=ROUNDING * np.abs(weights).max()) for one in changed):
            held[name] = first
    parts = [f"{name}: {_text(high)} - {_text(low)}" for name, (low, high) in pairs.items()]
    at = [f"{name} = {_text(value)}" for name, value in held.items()]
    return Contrast(", ".join(parts) + (f" | {', '.join(at)}" if at else ""), weights, tuple(pairs))


def _difference(study: Study, pairs: Mapping[str, tuple], held: Mapping[str, Any]) -> np.ndarray:
    total = np.zeros(study.matrix.shape[1])
    for chosen in product((0, 1), repeat=len(pairs)):
        values = {name: pair[which] for (name, pair), which in zip(pairs.items(), chosen, strict=True)}
        total += (-1) ** (len(pairs) - sum(chosen)) * study.row({**held, **values})
    return total


def _pair(study: Study, name: str, value: Sequence[Any]) -> tuple:
    if len(value) != 2:
        msg = f"contrast of {name!r} needs two levels, from and to, not {len(value)}: {value!r}."
        raise ValueError(msg)
    low, high = (_level(study, name, one) for one in value)
    if low == high:
        msg = f"contrast of {name!r} compares {value[0]!r} with itself. Name two levels."
        raise ValueError(msg)
    return low, high


def _level(study: Study, name: str, value: Any) -> str | float:
    if study.is_number(name):
        if isinstance(value, bool) or not pd.api.types.is_number(value) or not np.isfinite(value):
            msg = f"contrast: {name!r} is a column of numbers, so its levels must be numbers, not {value!r}."
            raise ValueError(msg)
        there = study.columns[name].unique()
        if name in study.factors and value not in there:
            msg = f"contrast: {value!r} is no level of C({name}). Its levels are {checks.some(sorted(there), 20)}."
            raise ValueError(msg)
        return float(value)
    label = checks.label_name(value)
    if label not in study.levels(name):
        levels = ", ".join(map(repr, study.levels(name)))
        msg = f"contrast: {value!r} is no level of {name!r}. Its levels are {levels}."
        raise ValueError(msg)
    return label


def _text(value: str | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value
