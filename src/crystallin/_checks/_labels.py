"""Labels of cells: one function names them, so that all tools speak of the same groups."""

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
        Labels that some cell has, in the order of the categories, or sorted.
    codes
        For each cell the position of its label in ``names``.
    """

    names: list[str]
    codes: np.ndarray

    @property
    def of_cells(self) -> np.ndarray:
        """Label of each cell as text."""
        return np.array(self.names, dtype=object)[self.codes]


def label_name(value: Any) -> str:
    """A label as text, the same wherever it comes from: ``b"x"`` is ``"x"``, and midnight is not written out."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, np.datetime64 | datetime):
        time = pd.Timestamp(value)
        return str(time.date()) if time == time.normalize() and time.tz is None else str(time)
    return value.isoformat() if isinstance(value, date) else str(value)


def check_labels(adata: Any, key: str, argument: str) -> Labels:
    """Raise unless a column of ``obs`` names a group for each cell; return the labels."""
    check_key(key, adata.obs, argument, optional=False)
    column = adata.obs[key]
    if column.isna().any():
        msg = (
            f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); leave these cells out "
            f"(adata = adata[adata.obs[{key!r}].notna()].copy()) or name them."
        )
        raise ValueError(msg)
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if is_number and (pd.api.types.is_float_dtype(column) or column.nunique() > MAX_NUMERIC_GROUPS):
        msg = (
            f"{argument}={key!r} holds numbers ({column.dtype}, {column.nunique()} values), not labels; cut it into "
            f"groups (pandas.cut) or, if these are labels, adata.obs[{key!r}] = adata.obs[{key!r}].astype('category')."
        )
        raise ValueError(msg)
    return name_labels(column, f"{argument}={key!r}")


def name_labels(column: pd.Series, what: str = "labels") -> Labels:
    """Name the values of a column that has no missing ones; raise if two of them have the same name."""
    codes, values = _values_of(column)
    names = [label_name(value) for value in values]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        alike = [value for value, name in zip(values, names, strict=True) if name == repeated[0]]
        listed = " and ".join(f"{value!r} ({type(value).__name__})" for value in alike)
        msg = (
            f"{what} has different values of the same name: {listed}. If they are one group, make them text first, as "
            "adata.obs[…] = adata.obs[…].astype(str) does; if not, give them other names."
        )
        raise ValueError(msg)
    return Labels(names, codes)


def _values_of(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Code of each cell, and the values that occur: in the order of categories, or sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories().cat
        return used.codes.to_numpy().astype(int), list(used.categories)
    if column.dtype == object and pd.api.types.infer_dtype(column) != "string":
        # 1, True and "1" are three things, of which pandas takes the first two for one
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
        # of several types
        order = sorted(range(len(values)), key=lambda i: label_name(values[i]))
    return np.argsort(order)[codes], [values[i] for i in order]


def names_given(groups: Any) -> list[str]:
    """Labels that a user names, one or several, as text."""
    several = pd.api.types.is_list_like(groups)
    return [label_name(value) for value in (groups if several else [groups])]
