"""Scalar arguments and expression profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._aligned import check_aligned

# profiles that come with the package
BLOOD = "blood"


def check_int(value: Any, argument: str, minimum: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        msg = f"{argument}={value!r} must be a whole number of at least {minimum}."
        raise ValueError(msg)


def check_sizes(min_genes: Any, max_genes: Any) -> None:
    """Raise unless these are the smallest and, if not ``None``, the largest number of genes of a program."""
    check_int(min_genes, "min_genes", 1)
    if max_genes is not None:
        check_int(max_genes, "max_genes", 1)
        if max_genes < min_genes:
            msg = f"max_genes={max_genes} is below min_genes={min_genes}; raise max_genes, or set it to None."
            raise ValueError(msg)


def check_choice(value: Any, argument: str, allowed: Sequence[str]) -> None:
    """Raise unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        msg = f"{argument}={value!r} is not one of {', '.join(map(repr, allowed))}."
        raise ValueError(msg)


def check_number(
    value: Any,
    argument: str,
    minimum: float,
    maximum: float = math.inf,
    *,
    include_minimum: bool = True,
    include_maximum: bool = True,
) -> None:
    """Raise unless ``value`` is a finite number between ``minimum`` and ``maximum``."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
    if is_number:
        above = value >= minimum if include_minimum else value > minimum
        below = value <= maximum if include_maximum else value < maximum
        if above and below:
            return
    low = f"of at least {minimum:g}" if include_minimum else f"above {minimum:g}"
    high = f" and at most {maximum:g}" if include_maximum else f" and below {maximum:g}"
    msg = f"{argument}={value!r} must be a number {low}{high if math.isfinite(maximum) else ''}."
    raise ValueError(msg)


def check_bool(value: Any, argument: str) -> None:
    """Raise an error unless ``value`` is ``True`` or ``False``."""
    if not isinstance(value, bool | np.bool_):
        msg = f"{argument}={value!r} must be True or False."
        raise ValueError(msg)


def check_profiles(baseline: Any, genes: Sequence[str]) -> np.ndarray:
    """Return expression profiles as baselines x genes, raising unless they are finite, non-negative and not all 0.

    A Series or DataFrame is aligned by the names of the genes, which may be the rows or the columns of a DataFrame.
    """
    n_genes = len(genes)
    if isinstance(baseline, pd.DataFrame):
        rows_are_genes = baseline.index.astype(str).isin(genes).sum() > baseline.columns.astype(str).isin(genes).sum()
        baseline = check_aligned(baseline if rows_are_genes else baseline.T, genes, "baseline", "gene").T
    elif isinstance(baseline, pd.Series):
        baseline = check_aligned(baseline, genes, "baseline", "gene")
    profiles = np.atleast_2d(np.asarray(baseline, dtype=float))
    if profiles.ndim != 2 or profiles.shape[1] != n_genes:
        msg = (
            f"baseline has shape {np.shape(baseline)}; give one value for each of the {n_genes} genes, or an array of "
            f"baselines x {n_genes} genes."
        )
        raise ValueError(msg)
    if not np.isfinite(profiles).all() or (profiles < 0).any() or not (profiles.sum(axis=1) > 0).all():
        msg = (
            "baseline must hold finite, non-negative expression (counts, or counts per 10,000; not logarithms) with "
            f"some gene above 0; it has {int((~np.isfinite(profiles)).sum())} missing or infinite values, "
            f"{int((profiles < 0).sum())} negative values, and {int((profiles == 0).all(axis=1).sum())} profile(s) of "
            "zeros only."
        )
        raise ValueError(msg)
    return profiles


def check_types(profiles: Any) -> None:
    """Raise unless these are the name of built-in profiles, ``None``, or profiles of types as genes x types."""
    if profiles is None or (isinstance(profiles, str) and profiles == BLOOD):
        return
    if not isinstance(profiles, pd.DataFrame):
        msg = (
            f"profiles={profiles!r}: give 'blood', None, or a pandas DataFrame of mean counts with genes in its rows "
            "and types of cells in its columns."
        )
        raise ValueError(msg)
    if not (profiles.index.is_unique and profiles.columns.is_unique and profiles.size):
        msg = "profiles: genes (rows) and types of cells (columns) have to be there, and unique."
        raise ValueError(msg)
    values = profiles.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if not (np.isfinite(values).all() and (values >= 0).all() and (values.sum(axis=0) > 0).all()):
        msg = (
            "profiles: mean counts have to be numbers of at least 0, with some above 0 for each type. Logged or scaled "
            "values are no counts."
        )
        raise ValueError(msg)
