"""Means of groups and their intervals, computed in the same way for all figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import stats

from crystallin import _checks as checks

# confidence level of the intervals
LEVEL = 0.95
# of several columns, at most as many combinations as a figure has room for; and what joins their labels
MAX_COMBINATIONS, JOINT = 100, ", "


class GroupMeans(NamedTuple):
    """Groups x programs, each: ``half`` is half of the mean's interval, missing where a group has one unit only."""

    mean: pd.DataFrame
    sd: pd.DataFrame
    half: pd.DataFrame


def labels_of(adata: AnnData, key: str | Sequence[str], argument: str) -> tuple[pd.Series, list[str]]:
    """Return the group of each cell, and the groups that have cells, in the order of their categories.

    Groups of several columns are the combinations of their labels that occur, sorted by the first column.
    """
    if isinstance(key, str) or not isinstance(key, Iterable):
        found = checks.check_labels(adata, key, argument)
        return pd.Series(found.of_cells, index=adata.obs_names), found.names
    columns = [str(name) for name in dict.fromkeys(key)]
    if not columns:
        msg = f"{argument} is empty; name one or several columns of adata.obs."
        raise ValueError(msg)
    parts = [checks.check_labels(adata, name, argument) for name in columns]
    codes, of_cells = np.unique(np.column_stack([part.codes for part in parts]), axis=0, return_inverse=True)
    _check_combinations(len(codes), columns, parts, argument)
    names = [JOINT.join(part.names[i] for part, i in zip(parts, row, strict=True)) for row in codes]
    if len(set(names)) < len(names):
        msg = f"{argument}={columns!r} gives two combinations the same name; rename labels that contain {JOINT!r}."
        raise ValueError(msg)
    return pd.Series(np.array(names, dtype=object)[of_cells.ravel()], index=adata.obs_names), names


def _check_combinations(n: int, columns: list[str], parts: list[Any], argument: str) -> None:
    """Raise if several columns have more combinations than a figure has room for."""
    if len(columns) == 1 or n <= MAX_COMBINATIONS:
        return
    sizes = " x ".join(f"{name!r} with {len(part.names)}" for name, part in zip(columns, parts, strict=True))
    longest = columns[int(np.argmax([len(part.names) for part in parts]))]
    possible = math.prod(len(part.names) for part in parts)
    msg = (
        f"{argument}={columns!r} has {n:,} combinations of labels ({sizes}; {possible:,} are possible), but a figure "
        f"has room for {MAX_COMBINATIONS}. Leave out a column, or choose cells first: "
        f"adata[adata.obs[{longest!r}].isin([…])]."
    )
    raise ValueError(msg)


def group_means(values: pd.DataFrame, labels: pd.Series | pd.Index, groups: list[str]) -> GroupMeans:
    """Compute mean, standard deviation and t interval over the rows of each group (cells, or means of samples)."""
    grouped = values.groupby(np.asarray(labels, dtype=object))
    mean, sd, n = (part.loc[groups] for part in (grouped.mean(), grouped.std(), grouped.size()))
    # without degrees of freedom the quantile is NaN
    half = sd.mul(stats.t.ppf((1 + LEVEL) / 2, n - 1) / np.sqrt(n), axis=0)
    return GroupMeans(mean, sd, half)
