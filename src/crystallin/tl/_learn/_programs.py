"""Programs that rules may use."""

from __future__ import annotations

import pandas as pd

from crystallin._keys import CATEGORY, HOUSEKEEPING


def telling_programs(table: pd.DataFrame) -> list[str]:
    """Return the programs of a collection except housekeeping ones; all if it has no categories, or no others."""
    names = [str(name) for name in table.index]
    if CATEGORY not in table:
        return names
    is_kept = (table[CATEGORY].astype(object) != HOUSEKEEPING).to_numpy()
    return [name for name, kept in zip(names, is_kept, strict=True) if kept] or names
