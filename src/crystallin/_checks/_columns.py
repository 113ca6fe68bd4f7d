"""Columns of ``obs`` that a model is set up with: without missing values, of one type, and not constant."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from ._anndata import check_key
from ._frames import frames_to_caller
from ._words import some

# rounding errors of a covariate below this, in its standard deviations, do not change results noticeably
MAX_ROUNDING = 0.01


def check_categories(adata: Any, key: str | None, argument: str) -> None:
    """Raise on missing values in a categorical column; warn of categories with no cells or a single one."""
    check_key(key, adata.obs, argument)
    if key is None:
        return
    column = adata.obs[key]
    if column.isna().any():
        msg = (
            f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); make them a category of their own "
            f"(adata.obs[{key!r}] = adata.obs[{key!r}].astype(str)) or drop these cells."
        )
        raise ValueError(msg)
    _check_kind(column, key, argument)
    sizes = column.value_counts()
    if (sizes == 0).any():
        warnings.warn(
            f"{argument}={key!r} has categories without cells: {some(sizes.index[sizes == 0])}. They are ignored; "
            f"adata.obs[{key!r}].cat.remove_unused_categories() drops them.",
            UserWarning,
            stacklevel=frames_to_caller(),
        )
    if (sizes == 1).any() and len(sizes) < adata.n_obs:
        warnings.warn(
            f"{argument}={key!r} has categories of a single cell: {some(sizes.index[sizes == 1])}. The effect of such "
            "a category cannot be distinguished from that of the cell.",
            UserWarning,
            stacklevel=frames_to_caller(),
        )


def _check_kind(column: pd.Series, key: str, argument: str) -> None:
    """Raise unless the values are scalars that can be sorted: text, numbers, dates, Booleans or bytes."""
    values = column.tolist()
    kinds = {type(value).__name__: value for value in values}
    if any(np.iterable(value) and not isinstance(value, str | bytes) for value in kinds.values()):
        msg = (
            f"{argument}={key!r} holds values of type {', '.join(kinds)}; a category must be text, a number or a date."
        )
        raise ValueError(msg)
    try:
        sorted(set(values))
    except TypeError as error:
        mixed = ", ".join(f"{value!r} ({kind})" for kind, value in list(kinds.items())[:3])
        msg = (
            f"{argument}={key!r} mixes values that cannot be sorted, e.g. {mixed}. Convert them to one type: "
            f"adata.obs[{key!r}] = adata.obs[{key!r}].astype(str), which makes one category of 1 and '1'."
        )
        raise ValueError(msg) from error


def check_column_lists(**lists: Any) -> None:
    """Raise unless each argument is ``None`` or a list of different columns."""
    for argument, keys in lists.items():
        if isinstance(keys, str):
            msg = f"{argument}={keys!r} must be a list of columns: [{keys!r}]."
            raise TypeError(msg)
        if keys is not None and len(set(keys)) < len(list(keys)):
            msg = f"{argument}={keys!r} names a column twice."
            raise ValueError(msg)


def check_numeric(adata: Any, key: str, argument: str, *, positive: bool = False) -> None:
    """Raise unless a column of ``obs`` holds finite (and positive) numbers."""
    check_key(key, adata.obs, argument)
    column = adata.obs[key]
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)
    missing = int(column.isna().sum())
    if not is_number or missing or not np.isfinite(column.to_numpy(dtype=float)).all():
        msg = f"{argument}={key!r} must hold finite numbers; it is {column.dtype} with {missing} missing."
        raise ValueError(msg)
    if positive and not (column > 0).all():
        msg = f"{argument}={key!r} must be positive; its smallest value is {column.min()}."
        raise ValueError(msg)
    with np.errstate(over="ignore"):
        single = column.to_numpy(dtype=float).astype(np.float32)
    if not np.isfinite(single).all() or (positive and not (single > 0).all()):
        msg = f"{argument}={key!r} has values that single precision cannot hold ({column.min():g} to {column.max():g})."
        raise ValueError(msg)


def check_varies(adata: Any, key: str, argument: str) -> None:
    """Raise if a column of numbers has the same value in all cells, also after rounding to single precision."""
    values = adata.obs[key].to_numpy(dtype=float)
    sd = values.std()
    if values.min() == values.max():
        msg = f"{argument}={key!r} is {values[0]:g} in all cells, so nothing can be learned from it; leave it out."
        raise ValueError(msg)
    error = np.abs(values.astype(np.float32) - values).max()
    if not error <= MAX_ROUNDING * sd:
        msg = (
            f"{argument}={key!r} has values around {values.mean():.6g} with a standard deviation of {sd:.3g}, which "
            "single precision cannot represent. Subtract a constant: "
            f"adata.obs[{key!r}] -= adata.obs[{key!r}].mean()."
        )
        raise ValueError(msg)
