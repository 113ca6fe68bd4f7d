"""Columns of data that are passed to a trained model: they need the same type of values as in training."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from ._anndata import check_key


def check_same_kind(adata: Any, key: str, argument: str, known: Iterable[Any]) -> None:
    """Raise unless the values of a column of ``obs`` have the type of the known categories: 1 is not ``"1"``."""
    check_key(key, adata.obs, argument, optional=False)
    ours = {_kind(value) for value in known}
    theirs = {_kind(value): value for value in adata.obs[key].dropna().unique().tolist()}
    other = sorted(set(theirs) - ours)
    if other:
        msg = (
            f"{argument}={key!r} holds {other[0]}, e.g. {theirs[other[0]]!r}, but the model was trained on "
            f"{' and '.join(sorted(ours))}, e.g. {next(iter(known))!r}. Convert it: adata.obs[{key!r}] = "
            f"adata.obs[{key!r}].astype(…)."
        )
        raise ValueError(msg)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "Booleans"
    if isinstance(value, date | np.datetime64):
        return "dates"
    return "numbers" if isinstance(value, numbers.Number) else type(value).__name__


def check_known(adata: Any, key: str, argument: str, known: Iterable[Any]) -> None:
    """Raise unless each value of a column of ``obs`` is a category that the model was trained on."""
    check_key(key, adata.obs, argument)
    column, known = adata.obs[key], list(known)
    if column.isna().any():
        msg = f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); fill them, or drop these cells."
        raise ValueError(msg)
    new = pd.unique(column[~column.isin(known).to_numpy()])
    if not len(new):
        return
    # compare values of the same type only: 1 is not "1"
    listed = ", ".join(map(repr, list(new)[:5])) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    msg = (
        f"{argument}={key!r} has {len(new)} value(s) that the model was not trained on: {listed}. It knows "
        f"{', '.join(map(repr, known[:5]))}{' …' if len(known) > 5 else ''}. Map these cells onto the model with "
        "ProgramVAE.load_query_data(adata, model), train the model that it returns and use that one for them; or "
        "change the values to ones that the model knows."
    )
    raise ValueError(msg)
