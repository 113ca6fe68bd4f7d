"""Stored results on a program, where they exist."""

from __future__ import annotations

from typing import Any

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import KEY, LABELS, PARAMS

from ._reading import kind_of, titled


def call(tool: str, groupby: str) -> str:
    """Return the call that computes a result by group, as text."""
    return f"crystallin.tl.{tool}(adata, model, groupby={groupby!r})"


def params_of(adata: AnnData, slot: str, key: str) -> dict[str, Any]:
    """Return the arguments of a result; empty if there is none, or if its programs have been replaced since then."""
    params = adata.uns.get(slot, {}).get(PARAMS, {})
    return params if params.get(KEY) == key and not checks.is_replaced(adata, params) else {}


def reading_of(adata: AnnData, key: str, tool: str) -> str:
    """Return what figures call the activities that a result was computed from."""
    params = adata.uns[checks.check_result(adata, key, tool)][PARAMS]
    return LABELS[kind_of(params)]


def attributions_of(
    adata: AnnData, program: str, groupby: str, group: str, n_genes: int, *, key: str, attributions_key: str
) -> tuple[str, pd.DataFrame | None]:
    """Return the largest attributions in a group, or else over all cells, and where they are; ``None`` without any."""
    params = params_of(adata, attributions_key, key)
    level = params.get("level")
    if level == "global":
        where, wanted = "all cells, absolute", None
    elif level == "group" and params.get("groupby") == groupby:
        where, wanted = group, group
    else:
        return "", None
    try:
        return titled(where, kind_of(params)), get.attributions_df(
            adata, program, wanted, n=n_genes, key=attributions_key
        )
    except (KeyError, ValueError):
        # not of this program or group
        return "", None
