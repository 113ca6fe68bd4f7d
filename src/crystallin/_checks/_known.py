"""Columns of data that a trained model is to read: the same kind of values as in training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from ._anndata import check_key


def check_known(adata: Any, key: str, argument: str, known: Iterable[Any]) -> None:
    """Raise unless each value of a column of ``obs`` is a category that the model was trained on."""
    check_key(key, adata.obs, argument)
    column, known = adata.obs[key], list(known)
    if column.isna().any():
        msg = f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); name them, or drop these cells."
        raise ValueError(msg)
    new = pd.unique(column[~column.isin(known).to_numpy()])
    if not len(new):
        return
    # as they are: 1 is not "1"
    listed = ", ".join(map(repr, list(new)[:5])) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    msg = (
        f"{argument}={key!r} has {len(new)} value(s) that the model was not trained on: {listed}. It knows "
        f"{', '.join(map(repr, known[:5]))}{' …' if len(known) > 5 else ''}. Map these cells onto the model with "
        "ProgramVAE.load_query_data(adata, model), train it, and read them with the model it returns; or give them "
        "values that are known."
    )
    raise ValueError(msg)
