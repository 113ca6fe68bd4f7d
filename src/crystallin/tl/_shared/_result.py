"""Activities that tools read, and the origin that is stored with their results."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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
    UNIQUE,
    Keys,
)
from crystallin._store import activity_rows

if TYPE_CHECKING:
    from anndata import AnnData


def origin_of(tool: str, adata: AnnData, keys: Keys, model_digest: str | None = None) -> dict[str, Any]:
    """Return the origin of a result: tool, programs and model, by which outdated results are recognised later.

    ``model_digest`` is the hash of the model; ``None`` uses that of the activities.
    """
    stored = adata.uns[keys.uns]
    if model_digest is None:
        model_digest = stored.get(ACTIVITY_PARAMS, {}).get("digest", "")
    origin = {TOOL: tool, KEY: keys.prefix, MODEL_DIGEST: model_digest, "crystallin": version("crystallin")}
    if tool in OF_ACTIVITY:
        origin[REFINE] = stored[ACTIVITY_PARAMS].get(REFINE, True)
    return origin | {name: stored[PARAMS][name] for name in (PRIOR_DIGEST, ADDED) if name in stored.get(PARAMS, {})}


def stored_activity(
    adata: AnnData, keys: Keys, kind: str = UNIQUE, refit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the stored means and standard deviations of activities in the reading ``kind``, cells x programs.

    Activities of programs whose genes were not measured are stored as NaN. They are replaced by the prior's mean and
    standard deviation, 0 and 1, so that their reliability is 0 and tools do not report them.
    """
    mean, sd = activity_rows(adata, keys, kind, refit)
    return mean[:], sd[:]


def n_refits(adata: AnnData, keys: Keys) -> int:
    """Return the number of refits whose activities are stored; 0 for those of a single model."""
    slot = keys.of_refits(UNIQUE)
    return adata.obsm[slot].shape[1] if slot in adata.obsm else 0


def add_to_table(adata: AnnData, keys: Keys, columns: pd.DataFrame) -> None:
    """Add columns to the table of programs, by the programs' names; other programs get NaN or an empty text.

    Table and dictionary are replaced by new objects, because another AnnData may share the old ones.
    """
    table = adata.uns[keys.uns][TABLE].copy()
    for name, values in columns.items():
        found = table["name"].map(values)
        table[name] = found.astype(float) if pd.api.types.is_numeric_dtype(values) else found.fillna("")
    adata.uns[keys.uns] = {**adata.uns[keys.uns], TABLE: table}
