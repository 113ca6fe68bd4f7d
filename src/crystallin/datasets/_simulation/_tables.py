"""Names of all that is simulated, and the table of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crystallin._keys import Simulation

from ._cells import Cells
from ._options import Options


def entity_names(options: Options) -> dict[str, np.ndarray]:
    """Return the names of genes, programs, types, donors and so on, and of conditions and arms."""
    numbered = {
        "cell": ("cell_{:06d}", options.n_obs),
        "gene": ("gene_{:05d}", options.n_vars),
        "cell_type": ("type_{:02d}", options.n_types),
        "donor": ("donor_{:02d}", options.n_donors),
        "batch": ("batch_{:02d}", options.n_batches),
    }
    names = {key: np.array([form.format(i + 1) for i in range(n)], dtype=object) for key, (form, n) in numbered.items()}
    given = {"condition": options.conditions, "arm": options.arms}
    return {**names, **{key: np.array(values, dtype=object) for key, values in given.items()}}


def cell_table(cells: Cells, names: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the table of cells."""
    columns = {
        key: pd.Categorical.from_codes(getattr(cells, key), names[key])
        for key in ("cell_type", "condition", "arm", "donor", "batch")
        if len(names[key])  # a study without arms has no names of arms
    }
    sample = [f"{names['donor'][d]}_{names['condition'][c]}" for d, c in zip(cells.donor, cells.condition, strict=True)]
    return pd.DataFrame(
        {**columns, "sample": pd.Categorical(sample), Simulation.DEPTH: cells.depth, "held_out": cells.held_out},
        index=names["cell"],
    )
