"""AnnData and its columns and layers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ._words import did_you_mean, some


def check_adata(adata: Any, *, copy: bool = False) -> None:
    """Raise unless ``adata`` is an AnnData that can be changed (or copied): no view, not empty, with unique names."""
    if not all(hasattr(adata, name) for name in ("obs", "var", "obsm", "varm", "uns", "layers")):
        msg = f"adata is a {type(adata).__name__}; give an AnnData."
        raise TypeError(msg)
    if adata.is_view:
        msg = "adata is a view of another AnnData; call `adata = adata.copy()` first."
        raise ValueError(msg)
    # the latter is an attribute of data that open_store opened
    if copy and (getattr(adata, "isbacked", False) or hasattr(adata, "root")):
        msg = "copy=True needs data in memory, but adata is backed by a file; use copy=False, or adata.to_memory()."
        raise ValueError(msg)
    if adata.n_obs == 0 or adata.n_vars == 0:
        msg = f"adata is empty ({adata.n_obs} cells x {adata.n_vars} genes); give data with cells and genes."
        raise ValueError(msg)
    for axis, names in (("obs", adata.obs_names), ("var", adata.var_names)):
        if not names.is_unique:
            repeated = names[names.duplicated()].unique()
            msg = (
                f"adata.{axis}_names are not unique: {len(repeated)} name(s) occur more than once, e.g. "
                f"{some(repeated)}. Call `adata.{axis}_names_make_unique()` first."
            )
            raise ValueError(msg)


def check_key(
    key: str | None, table: pd.DataFrame, argument: str, where: str = "adata.obs", *, optional: bool = True
) -> None:
    """Raise unless ``key`` is the name of a column of ``table`` or, where it is ``optional``, ``None``."""
    if key is None and optional:
        return
    if key is None or pd.api.types.is_list_like(key):
        several = f" To group by several columns, join them first: {where}['a'] + ' ' + {where}['b']." if key else ""
        msg = f"{argument}={key!r} must be the name of one column of {where}, not {type(key).__name__}.{several}"
        raise TypeError(msg)
    if key in table.columns:
        return
    hint = did_you_mean(key, table.columns)
    msg = f"{argument}={key!r} is not a column of {where}, which has {some(table.columns, 12)}.{hint}"
    raise KeyError(msg)


def check_layer(adata: Any, layer: str | None) -> None:
    """Raise unless ``layer`` is ``None`` or a layer of ``adata``."""
    if layer is not None and layer not in named_layers(adata):
        listed = some(named_layers(adata), 12) or "none"
        msg = f"layer={layer!r} is not a layer of adata; it has {listed}. Use layer=None for adata.X."
        raise KeyError(msg)


def named_layers(adata: Any) -> list[str]:
    """Return the names of the layers without ``X``, which anndata 0.13 lists among them as ``None``."""
    return [name for name in adata.layers if name is not None]
