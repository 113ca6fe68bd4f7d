"""Baselines of attributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks

if TYPE_CHECKING:
    from anndata import AnnData

OF_GROUP = "group:"


def baseline_arguments(
    adata: AnnData, groupby: str | None, baseline: str | Sequence[float] | np.ndarray
) -> dict[str, Any]:
    """Return the model's arguments for a baseline; a group becomes the positions of its cells."""
    if isinstance(baseline, Mapping):
        # keep the names of the genes
        baseline = pd.Series(baseline, dtype=float)
    if not isinstance(baseline, str) or not baseline.startswith(OF_GROUP):
        return {"baseline": baseline}
    if groupby is None:
        msg = f"baseline={baseline!r} needs groupby=, the column of adata.obs that has this group."
        raise ValueError(msg)
    known = checks.check_labels(adata, groupby, "groupby")
    (name,) = checks.check_among(baseline.removeprefix(OF_GROUP), "baseline group", known.names)
    return {"baseline_indices": np.flatnonzero(known.codes == known.names.index(name))}
