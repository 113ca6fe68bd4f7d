"""Means of groups and their intervals, computed in the same way for all figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import stats

from crystallin import _checks as checks

# confidence level of the intervals
LEVEL = 0.95


class GroupMeans(NamedTuple):
    """Groups x programs, each: ``half`` is half of the mean's interval, missing where a group has one unit only."""

    mean: pd.DataFrame
    sd: pd.DataFrame
    half: pd.DataFrame


def labels_of(adata: AnnData, key: str, argument: str) -> tuple[pd.Series, list[str]]:
    """Return the group of each cell, and the groups that have cells, in the order of their categories."""
    found = checks.check_labels(adata, key, argument)
    return pd.Series(found.of_cells, index=adata.obs_names), found.names


def group_means(values: pd.DataFrame, labels: pd.Series | pd.Index, groups: list[str]) -> GroupMeans:
    """Compute mean, standard deviation and t interval over the rows of each group (cells, or means of samples)."""
    grouped = values.groupby(np.asarray(labels, dtype=object))
    mean, sd, n = (part.loc[groups] for part in (grouped.mean(), grouped.std(), grouped.size()))
    # without degrees of freedom the quantile is NaN
    half = sd.mul(stats.t.ppf((1 + LEVEL) / 2, n - 1) / np.sqrt(n), axis=0)
    return GroupMeans(mean, sd, half)
