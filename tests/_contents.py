"""All that an AnnData holds, to compare before and after a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import joblib
import numpy as np
import pandas as pd
from scipy import sparse


def contents(adata: Any) -> dict[str, str]:
    """Hash of everything in ``adata`` by its place."""
    found: dict[str, str] = {}
    for name in ("obs", "var"):
        frame = getattr(adata, name)
        found[f"{name}_names"] = _hash(frame.index.to_numpy(dtype=str))
        for column in frame:
            found[f"{name}[{column!r}]"] = _hash(frame[column])
    found["X"] = _hash(adata.X)
    for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        for key, value in getattr(adata, name).items():
            _add(found, f"{name}[{key!r}]", value)
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Places that came, went or hold something else."""
    return {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}


def _add(found: dict[str, str], place: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            _add(found, f"{place}[{key!r}]", entry)
    else:
        found[place] = _hash(value)


def _hash(value: Any) -> str:
    if sparse.issparse(value):
        value = (value.format, value.shape, value.data, *_indices(value))
    elif isinstance(value, pd.Series):
        codes = value.cat.codes.to_numpy() if isinstance(value.dtype, pd.CategoricalDtype) else value.to_numpy()
        categories = list(value.cat.categories) if isinstance(value.dtype, pd.CategoricalDtype) else []
        value = (str(value.dtype), np.asarray(codes).tolist(), categories)
    elif isinstance(value, pd.DataFrame):
        value = {str(name): _hash(column) for name, column in value.items()}
    return joblib.hash(value)


def _indices(matrix: Any) -> tuple:
    return (matrix.row, matrix.col) if matrix.format == "coo" else (matrix.indices, matrix.indptr)
