"""Stored matrices of programs in AnnData."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crystallin._keys import NAMES, Keys

from ._aligned import check_aligned


def check_matrix(adata: Any, where: str, slot: str, keys: Keys, names: Sequence[str] | None = None) -> Any:
    """Return a stored array (or sparse matrix) of cells or genes x programs, in the order of the programs' names.

    A DataFrame is read by the names of its columns. Raises unless there is one column for each program, or for each of
    ``names``.
    """
    values = getattr(adata, where)[slot]
    names = [str(name) for name in (adata.uns[keys.uns][NAMES] if names is None else names)]
    place = f"adata.{where}[{slot!r}]"
    if isinstance(values, pd.DataFrame):
        return check_aligned(values.T, names, f"{place}.T", "program").T
    if values.ndim != 2 or values.shape[1] != len(names):
        msg = (
            f"{place} has shape {values.shape}, but there are {len(names)} programs: it was changed since it was "
            "written. Compute it again."
        )
        raise ValueError(msg)
    return values
