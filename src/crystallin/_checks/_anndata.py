"""AnnData and its columns and layers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from ._words import did_you_mean, some

# rounding of a covariate, in its sds, that changes no result noticeably
MAX_ROUNDING = 0.01


def check_adata(adata: Any) -> None:
    """Raise unless ``adata`` is an AnnData that can be written to: no view, not empty, unique names."""
    if not all(hasattr(adata, name) for name in ("obs", "var", "obsm", "varm", "uns", "layers")):
        msg = f"adata is a {type(adata).__name__}; give an AnnData."
        raise TypeError(msg)
    if adata.is_view:
        msg = "adata is a view of another AnnData; call `adata = adata.copy()` first."
        raise ValueError(msg)
    if adata.n_obs == 0 or adata.n_vars == 0:
        msg = f"adata is empty ({adata.n_obs} cells x {adata.n_vars} genes)."
        raise ValueError(msg)
    for axis, names in (("obs", adata.obs_names), ("var", adata.var_names)):
        if not names.is_unique:
            repeated = names[names.duplicated()].unique()
            msg = (
                f"adata.{axis}_names are not unique: {len(repeated)} name(s) occur more than once, e.g. "
                f"{some(repeated)}. Call `adata.{axis}_names_make_unique()` first."
            )
            raise ValueError(msg)


def check_key(key: str | None, table: pd.DataFrame, argument: str, where: str = "adata.obs") -> None:
    """Raise unless ``key`` is ``None`` or a column of ``table``."""
    if key is None or key in table.columns:
        return
    hint = did_you_mean(key, table.columns)
    msg = f"{argument}={key!r} is not a column of {where}, which has {some(table.columns, 12)}.{hint}"
    raise KeyError(msg)


def check_layer(adata: Any, layer: str | None) -> None:
    """Raise unless ``layer`` is ``None`` or a layer of ``adata``."""
    if layer is not None and layer not in named_layers(adata):
        listed = some(named_layers(adata), 12) or "none"
        msg = f"layer={layer!r} is not a layer of adata; it has {listed}. layer=None takes adata.X."
        raise KeyError(msg)


def check_categories(adata: Any, key: str | None, argument: str) -> None:
    """Raise on missing values in a categorical column; warn of categories without cells or with one."""
    check_key(key, adata.obs, argument)
    if key is None:
        return
    column = adata.obs[key]
    if column.isna().any():
        msg = (
            f"{argument}={key!r} has {int(column.isna().sum())} missing value(s); name them "
            f"(adata.obs[{key!r}] = adata.obs[{key!r}].astype(str)) or drop these cells."
        )
        raise ValueError(msg)
    sizes = column.value_counts()
    if (sizes == 0).any():
        warnings.warn(
            f"{argument}={key!r} has categories without cells: {some(sizes.index[sizes == 0])}. They take no part; "
            f"adata.obs[{key!r}].cat.remove_unused_categories() drops them.",
            UserWarning,
            stacklevel=4,
        )
    if (sizes == 1).any() and len(sizes) < adata.n_obs:
        warnings.warn(
            f"{argument}={key!r} has categories of a single cell: {some(sizes.index[sizes == 1])}. What is special "
            "about such a cell cannot be told from its category.",
            UserWarning,
            stacklevel=4,
        )


def check_numeric(adata: Any, key: str, argument: str, *, positive: bool = False) -> None:
    """Raise unless a column of ``obs`` holds finite (and positive) numbers."""
    check_key(key, adata.obs, argument)
    column = adata.obs[key]
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)
    missing = int(column.isna().sum())
    if not is_number or missing or not np.isfinite(column.to_numpy(dtype=float)).all():
        msg = f"{argument}={key!r} must hold finite numbers; it is {column.dtype} with {missing} missing."
        raise ValueError(msg)
    if positive and not (column > 0).all():
        msg = f"{argument}={key!r} must be positive; its smallest value is {column.min()}."
        raise ValueError(msg)


def check_varies(adata: Any, key: str, argument: str) -> None:
    """Raise if a column of numbers is the same in all cells, or is so in the single precision it is read in."""
    values = adata.obs[key].to_numpy(dtype=float)
    sd = values.std()
    if values.min() == values.max():
        msg = f"{argument}={key!r} is {values[0]:g} in all cells, so nothing can be learned from it; leave it out."
        raise ValueError(msg)
    error = np.abs(values.astype(np.float32) - values).max()
    if not error <= MAX_ROUNDING * sd:
        msg = (
            f"{argument}={key!r} has values around {values.mean():.6g} that differ by {sd:.3g} (sd): single precision "
            f"cannot tell them apart. Subtract a constant: adata.obs[{key!r}] -= adata.obs[{key!r}].mean()."
        )
        raise ValueError(msg)


def named_layers(adata: Any) -> list[str]:
    """Layers without ``X``, which anndata 0.13 lists among them as ``None``."""
    return [name for name in adata.layers if name is not None]
