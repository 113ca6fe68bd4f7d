"""Groups of cells to compare, and what to adjust for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._anndata import check_key
from ._words import did_you_mean, some

# a column of numbers with more values than this is a measurement, not a label
MAX_NUMERIC_GROUPS = 100


def check_labels(adata: Any, key: str, argument: str) -> list[str]:
    """Raise unless a column of ``obs`` names a group for each cell; return the groups that have cells, as strings."""
    check_key(key, adata.obs, argument)
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
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = column.cat.remove_unused_categories().cat.categories
    else:
        present = sorted(column.unique())
    return [str(name) for name in present]


def check_groups(groups: str | Sequence[str], reference: str, known: Sequence[str], groupby: str) -> list[str]:
    """Return the groups to compare with ``reference``, raising on those that are not there or are the reference."""
    if len(known) < 2:
        msg = f"groupby={groupby!r} has one group only, {some(known)}; there is nothing to compare it with."
        raise ValueError(msg)
    if reference != "rest" and reference not in known:
        hint = did_you_mean(reference, known)
        msg = f"reference={reference!r} is neither 'rest' nor a group of {groupby!r}: {some(known, 12)}.{hint}"
        raise ValueError(msg)
    if isinstance(groups, str) and groups == "all":
        return [name for name in known if name != reference]
    wanted = [str(name) for name in ([groups] if np.isscalar(groups) else groups)]
    if not wanted:
        msg = "groups is empty; name groups, or 'all'."
        raise ValueError(msg)
    for name in wanted:
        if name not in known:
            msg = f"groups: {name!r} is not a group of {groupby!r}: {some(known, 12)}.{did_you_mean(name, known)}"
            raise ValueError(msg)
        if name == reference:
            msg = f"{name!r} is both in groups and the reference; a group cannot be compared with itself."
            raise ValueError(msg)
    return list(dict.fromkeys(wanted))


def check_covariates(adata: Any, covariates: Sequence[str] | None, taken: dict[str, str | None]) -> list[str]:
    """Return the covariates, raising on those that are missing, constant, incomplete or another argument's column."""
    names = [] if covariates is None else [covariates] if isinstance(covariates, str) else list(covariates)
    for name in names:
        check_key(name, adata.obs, "covariates")
        for argument, other in taken.items():
            if name == other:
                msg = f"covariates: {name!r} is {argument} already; leave it out of the covariates."
                raise ValueError(msg)
        column = adata.obs[name]
        is_number = pd.api.types.is_numeric_dtype(column)
        if column.isna().any() or (is_number and not np.isfinite(column.to_numpy(dtype=float)).all()):
            msg = f"covariates: {name!r} has missing or infinite values; fill them, or leave these cells out."
            raise ValueError(msg)
        if column.nunique() < 2:
            msg = f"covariates: {name!r} is the same in all cells ({some(column.unique())}); leave it out."
            raise ValueError(msg)
    return names


def check_among(wanted: str | Sequence[str], argument: str, known: Sequence[str]) -> list[str]:
    """Return ``wanted`` as a list, raising on names that are not among ``known``."""
    wanted = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    for name in wanted:
        if name not in set(known):
            msg = f"{argument}={name!r} is not one of {some(known, 12)}.{did_you_mean(name, known)}"
            raise ValueError(msg)
    return wanted


def check_cells(adata: Any, cells: Any) -> np.ndarray:
    """Return positions of cells given by name, by position or as a mask; raise on those that are not there."""
    given = np.atleast_1d(np.asarray(cells))
    if given.dtype == bool:
        if len(given) != adata.n_obs:
            msg = f"cells is a mask of {len(given)} for {adata.n_obs} cells."
            raise ValueError(msg)
        positions = np.flatnonzero(given)
    elif np.issubdtype(given.dtype, np.integer):
        beyond = given[(given < 0) | (given >= adata.n_obs)]
        if len(beyond):
            msg = f"cells: there is no cell at position {beyond[0]}; adata has {adata.n_obs} (from 0)."
            raise ValueError(msg)
        positions = given
    else:
        positions = adata.obs_names.get_indexer(given.astype(str))
        if (positions < 0).any():
            name = str(given[positions < 0][0])
            msg = f"cells: {name!r} is not in adata.obs_names, e.g. {some(adata.obs_names, 3)}."
            raise KeyError(msg)
    if not len(positions):
        msg = "cells is empty; name cells, or leave it out for all."
        raise ValueError(msg)
    return positions
