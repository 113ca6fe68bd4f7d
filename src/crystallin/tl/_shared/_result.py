"""What tools have in common: the activities they read, and what their results say of themselves."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks
from crystallin._keys import ACTIVITY_PARAMS, ADDED, KEY, MODEL_DIGEST, PARAMS, PRIOR_DIGEST, TOOL, Keys

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
    return origin | {name: stored[PARAMS][name] for name in (PRIOR_DIGEST, ADDED) if name in stored.get(PARAMS, {})}


def stored_activity(adata: AnnData, keys: Keys) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations as stored, cells x programs.

    Programs whose genes were not measured have none (NaN). They count as what was known beforehand, 0 and 1: their
    reliability is then 0, and no tool speaks of them.
    """
    mean, sd = (checks.check_matrix(adata, "obsm", slot, keys) for slot in (keys.activity, keys.sd))
    unknown = np.isnan(mean)
    return (np.where(unknown, 0, mean), np.where(unknown, 1, sd)) if unknown.any() else (mean, sd)
