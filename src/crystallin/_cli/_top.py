"""Programs that tell the groups apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin.stats import effects_of_those_up

if TYPE_CHECKING:
    from anndata import AnnData

# programs shown for each group
TOP = 5


def top_programs(acts: AnnData, groupby: str, n: int = TOP) -> dict[str, pd.Series]:
    """Programs with the largest Cohen's d in each group of ``acts`` (cells x programs), of those clearly up in it."""
    groups = acts.obs[groupby].astype("category").cat.remove_unused_categories()
    codes, names = groups.cat.codes.to_numpy(), groups.cat.categories.astype(str)
    effect = effects_of_those_up(np.asarray(acts.X), codes, len(names))
    shown = pd.DataFrame(effect, index=names, columns=acts.var_names)
    return {group: row.dropna().nlargest(n) for group, row in shown.iterrows()}
