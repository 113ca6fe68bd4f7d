"""What the figures of differences between groups have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin import get

TRUST_Q = 0.05


def comparisons(
    adata: AnnData,
    group: str | Sequence[str] | None,
    stratum: str | Sequence[str] | None,
    families: Literal["all", "lead"],
    key: str,
) -> dict[str, pd.DataFrame]:
    """Rows of each comparison, by its title, which names the stratum alone where nothing else varies."""
    table = get.rank_programs_groups_df(adata, group, stratum=stratum, families=families, key=key)
    parts = {}
    for (stratum_name, group_name, reference), part in table.groupby(
        ["stratum", "group", "reference"], sort=False, observed=True
    ):
        title = f"{group_name} against {reference}"
        parts[f"{stratum_name}: {title}" if stratum_name else title] = part
    return parts


def only(parts: dict[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """The single comparison; raise if there are several."""
    if len(parts) > 1:
        msg = (
            f"One comparison fits on the axes and there are {len(parts)} ({'; '.join(list(parts)[:4])}, …); choose one "
            "with group and stratum."
        )
        raise ValueError(msg)
    ((title, part),) = parts.items()
    return title, part


def found(table: pd.DataFrame, q_max: float) -> pd.Series:
    """Rows that differ: ``q`` of at most ``q_max``."""
    return table["q"] <= q_max


def special(table: pd.DataFrame, q_max: float) -> pd.Series:
    """Rows that differ more than decoys do, where there are any, and more than better known programs explain."""
    return found(table, q_max) & ~(table["decoy_q"] > q_max) & (table["conditional_q"] <= q_max)
