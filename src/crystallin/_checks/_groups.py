"""Groups of cells to compare, and covariates to adjust for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._anndata import check_key
from ._labels import label_name, names_given
from ._words import did_you_mean, some

# as groups: each of them; as reference: all other cells
ALL, REST = "all", "rest"


def check_groups(groups: Any, reference: Any, known: Sequence[str], groupby: str) -> tuple[list[str], str]:
    """Return the groups to compare and the reference, raising if one does not exist or both are the same.

    ``"rest"`` always means all other cells, even if a group has this name; that group is compared like any other.
    """
    if len(known) < 2:
        msg = f"groupby={groupby!r} has one group only, {some(known)}; choose a column with two or more groups."
        raise ValueError(msg)
    if pd.api.types.is_list_like(reference):
        msg = f"reference={reference!r} must be one group of {groupby!r}, or 'rest' for all other cells."
        raise TypeError(msg)
    reference = label_name(reference)
    if reference != REST and reference not in known:
        hint = did_you_mean(reference, known)
        msg = f"reference={reference!r} is neither 'rest' nor a group of {groupby!r}: {some(known, 12)}.{hint}"
        raise ValueError(msg)
    if isinstance(groups, str) and groups == ALL:
        return [name for name in known if name != reference or reference == REST], reference
    if groups is None:
        msg = f"groups=None names no group; use groups='all' for each group of {groupby!r}."
        raise ValueError(msg)
    wanted = names_given(groups)
    if not wanted:
        msg = "groups is empty; name one or several groups, or use 'all'."
        raise ValueError(msg)
    for name in wanted:
        if name not in known:
            msg = f"groups: {name!r} is not a group of {groupby!r}: {some(known, 12)}.{did_you_mean(name, known)}"
            raise ValueError(msg)
        if name == reference != REST:
            msg = f"{name!r} is both in groups and the reference; a group cannot be compared with itself."
            raise ValueError(msg)
    return list(dict.fromkeys(wanted)), reference


def check_covariates(adata: Any, covariates: Sequence[str] | None, taken: dict[str, str | None]) -> list[str]:
    """Return the covariates, raising on columns that do not exist, are constant, incomplete or used otherwise."""
    names = [] if covariates is None else [covariates] if isinstance(covariates, str) else list(covariates)
    for name in names:
        check_key(name, adata.obs, "covariates", optional=False)
        for argument, other in taken.items():
            if name == other:
                msg = f"covariates: {name!r} is already used as {argument}; leave it out of the covariates."
                raise ValueError(msg)
        column = adata.obs[name]
        is_number = pd.api.types.is_numeric_dtype(column)
        if column.isna().any() or (is_number and not np.isfinite(column.to_numpy(dtype=float)).all()):
            msg = f"covariates: {name!r} has missing or infinite values; fill them, or leave these cells out."
            raise ValueError(msg)
        if column.nunique() < 2:
            msg = f"covariates: {name!r} has the same value in all cells ({some(column.unique())}); leave it out."
            raise ValueError(msg)
    return names


def check_among(wanted: Any, argument: str, known: Sequence[str]) -> list[str]:
    """Return ``wanted``, one or several labels, as a list, raising on labels that are not among ``known``."""
    wanted = names_given(wanted)
    if not wanted:
        msg = f"{argument} is empty; name one of {some(known, 12)}, or leave it out to use all."
        raise ValueError(msg)
    for name in wanted:
        if name not in set(known):
            msg = f"{argument}={name!r} is not one of {some(known, 12)}.{did_you_mean(name, known)}"
            raise ValueError(msg)
    return wanted
