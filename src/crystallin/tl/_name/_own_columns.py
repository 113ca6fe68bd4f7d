"""Columns of labels that a tool wrote itself and that have not been changed since."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from crystallin._keys import PARAMS, UNASSIGNED

from ._markers import UNSURE

if TYPE_CHECKING:
    from anndata import AnnData

COLUMNS, HASHES, N_OBS, LABELS = "written_columns", "written_hashes", "written_n_obs", "labels"


def written_columns(adata: AnnData, columns: Iterable[str]) -> dict[str, Any]:
    """Return parameters by which it can be checked later that columns of ``obs`` are unchanged."""
    names = list(dict.fromkeys(columns))
    return {COLUMNS: names, HASHES: [_hash(adata.obs[name]) for name in names], N_OBS: adata.n_obs}


def own_columns(adata: AnnData, slot: str) -> list[str]:
    """Return the columns that the tool wrote with the result in ``slot`` and that are unchanged.

    If cells were removed or added since then, hashes cannot be compared; a column is then taken as unchanged if its
    labels are among those that the tool can give.
    """
    params = adata.uns.get(slot, {}).get(PARAMS, {})
    names = [str(name) for name in params.get(LABELS, [])]
    known = {*names, *(f"{name}{UNSURE}" for name in names), UNASSIGNED}
    found = []
    for name, stored in zip(params.get(COLUMNS, []), params.get(HASHES, []), strict=True):
        if name not in adata.obs:
            continue
        column = adata.obs[name]
        if params[N_OBS] == adata.n_obs:
            is_own = _hash(column) == str(stored)
        else:
            is_own = pd.api.types.is_float_dtype(column) or set(map(str, column.unique())) <= known
        if is_own:
            found.append(str(name))
    return found


def _hash(column: pd.Series) -> str:
    values = column if pd.api.types.is_float_dtype(column) else column.astype(str).astype(object)
    return f"{int(pd.util.hash_pandas_object(values, index=False).sum()):x}"
