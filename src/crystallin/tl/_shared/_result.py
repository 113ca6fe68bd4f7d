"""What tools have in common: the activities they read, and what their results say of themselves."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import (
    ACTIVITY_PARAMS,
    ADDED,
    KEY,
    MODEL_DIGEST,
    OF_ACTIVITY,
    PARAMS,
    PRIOR_DIGEST,
    REFINE,
    TABLE,
    TOOL,
    Keys,
)

if TYPE_CHECKING:
    from anndata import AnnData


def origin_of(tool: str, adata: AnnData, keys: Keys, model_digest: str | None = None) -> dict[str, Any]:
    """What a result is of: the tool, the programs and the model; by this its age is told later.

    ``model_digest`` is the hash of the model; ``None`` takes that of the activities.
    """
    stored = adata.uns[keys.uns]
    if model_digest is None:
        model_digest = stored.get(ACTIVITY_PARAMS, {}).get("digest", "")
    origin = {TOOL: tool, KEY: keys.prefix, MODEL_DIGEST: model_digest, "crystallin": version("crystallin")}
    if tool in OF_ACTIVITY:
        origin[REFINE] = stored[ACTIVITY_PARAMS].get(REFINE, True)
    return origin | {name: stored[PARAMS][name] for name in (PRIOR_DIGEST, ADDED) if name in stored.get(PARAMS, {})}


def stored_activity(adata: AnnData, keys: Keys) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations as stored, cells x programs.

    Programs whose genes were not measured have none (NaN). They count as what was known beforehand, 0 and 1: their
    reliability is then 0, and no tool speaks of them.
    """
    mean, sd = (checks.check_matrix(adata, "obsm", slot, keys) for slot in (keys.activity, keys.sd))
    unknown = np.isnan(mean)
    return (np.where(unknown, 0, mean), np.where(unknown, 1, sd)) if unknown.any() else (mean, sd)


def add_to_table(adata: AnnData, keys: Keys, columns: pd.DataFrame) -> None:
    """Add columns to the table of programs, by the programs' names; others have nothing in them.

    Table and dictionary are new ones, as another AnnData may share the old ones.
    """
    table = adata.uns[keys.uns][TABLE].copy()
    for name, values in columns.items():
        found = table["name"].map(values)
        table[name] = found.astype(float) if pd.api.types.is_numeric_dtype(values) else found.fillna("")
    adata.uns[keys.uns] = {**adata.uns[keys.uns], TABLE: table}
