"""Columns of the programs that were asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import NAMES, TABLE, Keys


def program_columns(
    adata: AnnData, keys: Keys, *, programs: str | Sequence[str] | None = None, decoys: bool = False
) -> tuple[np.ndarray, list[str]]:
    """Return positions and names of the programs asked for, or of all programs (with decoys only if ``decoys``)."""
    checks.check_table(adata, keys)
    names = [str(name) for name in adata.uns[keys.uns][NAMES]]
    if programs is None:
        table = adata.uns[keys.uns][TABLE]
        is_decoy = table.loc[table["kept"].astype(bool), "decoy"].to_numpy(dtype=bool)
        columns = np.flatnonzero(~is_decoy | decoys)
        return columns, [names[i] for i in columns]
    wanted = checks.check_program_names(programs, names)
    return np.array([names.index(name) for name in wanted], dtype=int), wanted
