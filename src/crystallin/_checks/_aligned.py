"""Values that come with names are taken by these, never by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crystallin._keys import NAMES, Keys

from ._words import some


def check_aligned(values: Any, names: Sequence[str], argument: str) -> Any:
    """Values in the order of ``names``: a Series or the rows of a DataFrame by its index, anything else as it is.

    Raises unless the index has each of the names, once.
    """
    if not isinstance(values, pd.Series | pd.DataFrame):
        return values
    index = values.index.astype(str)
    missing = pd.Index(names).difference(index)
    if len(missing) or not index.is_unique:
        what = f"lacks {len(missing)} of {len(names)} names, e.g. {some(missing, 3)}" if len(missing) else "has repeats"
        msg = f"{argument} has names, by which it is read, and its index {what}. Give a plain array to go by position."
        raise ValueError(msg)
    return values.set_axis(index).loc[list(names)]


def check_matrix(adata: Any, where: str, slot: str, keys: Keys) -> Any:
    """Array (or sparse matrix) of cells or genes x programs, columns in the order of the programs' names.

    A DataFrame is read by the names of its columns. Raises unless there is one column for each program.
    """
    values = getattr(adata, where)[slot]
    names = [str(name) for name in adata.uns[keys.uns][NAMES]]
    place = f"adata.{where}[{slot!r}]"
    if isinstance(values, pd.DataFrame):
        return check_aligned(values.T, names, f"{place} (its columns)").T.to_numpy()
    if values.ndim != 2 or values.shape[1] != len(names):
        msg = f"{place} has shape {values.shape}, and there are {len(names)} programs; it was changed. Write it again."
        raise ValueError(msg)
    return values
