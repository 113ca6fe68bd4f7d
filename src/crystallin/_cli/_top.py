"""Programs that distinguish the groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin.stats import effects_of_those_up

if TYPE_CHECKING:
    from anndata import AnnData

# number of programs to show for each group
TOP = 5


def top_programs(acts: AnnData, groupby: str, n: int = TOP) -> dict[str, pd.Series]:
    """Programs with the largest Cohen's d in each group of ``acts`` (cells x programs), of those clearly up in it."""
    labels = checks.name_labels(acts.obs[groupby], groupby)
    effect = effects_of_those_up(np.asarray(acts.X), labels.codes, len(labels.names))
    shown = pd.DataFrame(effect, index=labels.names, columns=acts.var_names)
    return {group: row.dropna().nlargest(n) for group, row in shown.iterrows()}
