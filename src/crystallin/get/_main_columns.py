"""The main columns of wide tables, which accessors return unless more are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crystallin._checks import some
from crystallin._checks._words import did_you_mean

ALL = "all"
# of the reading that a table of differences is sorted by
OF_READING = ("call", "effect", "lower", "upper", "q", "reliability", "breadth")

# by accessor; columns that a table does not have are left out
MAIN_COLUMNS = {
    "annotation_df": (
        *("group", "label", "path", "n_cells", "likeness", "agreement", "score", "support", "breadth"),
        *("ambiguous", "second", "reason", "genes"),
    ),
    "audit_df": (
        *("program", "gene", "kind", "verdict", "loading", "sd", "q", "replicated"),
        *("competitor", "in_panel"),
    ),
    "compare_df": ("stratum", "contrast", "program", *OF_READING),
    "map_df": (
        *("group", "n_cells", "verdict", "label", "label_share", "unlike", "distance", "limit", "far"),
        "moved",
    ),
    "programs_df": (
        *("category", "n_genes", "n_present", "coverage", "awake", "most_active", "reliability", "leakage"),
        *("importance", "nearest_twin", "stability", "missing", "kept", "reason", "decoy"),
    ),
    "rank_programs_groups_df": ("stratum", "group", "program", *OF_READING, "total_effect"),
    "rules_df": (
        *("group", "rule", "precision", "recall", "prevalence", "gain", "f1", "certainty", "stability", "n_group"),
        "reason",
    ),
}


def with_columns(
    table: pd.DataFrame,
    accessor: str,
    columns: str | Sequence[str] | None,
    *,
    before: str = "",
    hidden: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the columns that were asked for.

    Parameters
    ----------
    table
        The whole table.
    accessor
        Name of the accessor.
    columns
        ``None`` for the main columns but the ``hidden`` ones, ``"all"``, or names.
    before
        How the columns begin that belong to the reading of differences.
    hidden
        Main columns that say nothing with these arguments.
    """
    if isinstance(columns, str) and columns == ALL:
        return table
    if columns is None:
        main = [f"{before}{name}" if before and name in OF_READING else name for name in MAIN_COLUMNS[accessor]]
        return table[[name for name in main if name in table and name not in hidden]]
    wanted = [columns] if isinstance(columns, str) else list(columns)
    for name in wanted:
        if name not in table:
            hint = did_you_mean(name, table.columns, n=3)
            msg = f"columns: {name!r} is not a column of this table, which has {some(table.columns, 60)}.{hint}"
            raise KeyError(msg)
    return table[wanted]
