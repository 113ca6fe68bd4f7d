"""Labels of cells, made by one function, so that all tools use the same names for groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from ._anndata import check_key

# a column of numbers with more values than this is a measurement, not a label
MAX_NUMERIC_GROUPS = 100


@dataclass(frozen=True)
class Labels:
    """Label of each cell.

    Attributes
    ----------
    names
        Labels that occur, in the order of the categories, or sorted.
    codes
        Position of each cell's label in ``names``.
    """

    names: list[str]
    codes: np.ndarray

    @property
    def of_cells(self) -> np.ndarray:
        """Label of each cell as text."""
        return np.array(self.names, dtype=object)[self.codes]


def label_name(value: Any) -> str:
    """Return a label as text, in the same way for all types: ``b"x"`` is ``"x"``, and midnight is not written out."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, np.datetime64 | datetime):
        time = pd.Timestamp(value)
        return str(time.date()) if time == time.normalize() and time.tz is None else str(time)
    return value.isoformat() if isinstance(value, date) else str(value)


def check_labels(adata: Any, key: str, argument: str) -> Labels:
    """Return the labels in a column of ``obs``, raising unless each cell has one."""
    check_key(key, adata.obs, argument, optional=False)
    column = adata.obs[key]
    if column.isna().any():
        msg = (
            f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); leave these cells out "
            f"(adata = adata[adata.obs[{key!r}].notna()].copy()) or give them a label."
        )
        raise ValueError(msg)
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if is_number and (pd.api.types.is_float_dtype(column) or column.nunique() > MAX_NUMERIC_GROUPS):
        msg = (
            f"{argument}={key!r} holds numbers ({column.dtype}, {column.nunique()} values), not labels; divide it into "
            "groups with pandas.cut or, if the numbers are labels, call "
            f"adata.obs[{key!r}] = adata.obs[{key!r}].astype('category')."
        )
        raise ValueError(msg)
    return name_labels(column, f"{argument}={key!r}")


def name_labels(column: pd.Series, what: str = "labels") -> Labels:
    """Return the labels of a column without missing values, raising if two values have the same label."""
    codes, values = _values_of(column)
    names = [label_name(value) for value in values]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        alike = [value for value, name in zip(values, names, strict=True) if name == repeated[0]]
        listed = " and ".join(f"{value!r} ({type(value).__name__})" for value in alike)
        msg = (
            f"{what} has different values of the same name: {listed}. If they are one group, convert them to text with "
            "adata.obs[…] = adata.obs[…].astype(str); otherwise rename them."
        )
        raise ValueError(msg)
    return Labels(names, codes)


def _values_of(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return the code of each cell and the values that occur, in the order of the categories, or sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories().cat
        return used.codes.to_numpy().astype(int), list(used.categories)
    if column.dtype == object and pd.api.types.infer_dtype(column) != "string":
        # 1, True and "1" are three values, but pandas treats the first two as equal
        kinds = pd.Series([(type(value).__name__, label_name(value)) for value in column], dtype=object)
        codes, _ = pd.factorize(kinds)
        first = np.unique(codes, return_index=True)[1]
        values = column.iloc[first].tolist()
    else:
        codes, uniques = pd.factorize(column)
        values = list(uniques)
    try:
        order = sorted(range(len(values)), key=values.__getitem__)
    except TypeError:
        # values of several types cannot be sorted
        order = sorted(range(len(values)), key=lambda i: label_name(values[i]))
    return np.argsort(order)[codes], [values[i] for i in order]


def names_given(groups: Any) -> list[str]:
    """Return the labels named by the user, one or several, as a list of text."""
    several = pd.api.types.is_list_like(groups)
    return [label_name(value) for value in (groups if several else [groups])]
