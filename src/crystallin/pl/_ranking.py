"""Common parts of the figures of differences between groups."""

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
    """Return the rows of each comparison, by its title, which names the stratum if there is one."""
    table = get.rank_programs_groups_df(adata, group, stratum=stratum, families=families, key=key)
    parts = {}
    for (stratum_name, group_name, reference), part in table.groupby(
        ["stratum", "group", "reference"], sort=False, observed=True
    ):
        title = f"{group_name} against {reference}"
        parts[f"{stratum_name}: {title}" if stratum_name else title] = part
    return parts


def only(parts: dict[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """Return the single comparison; raise if there are several."""
    if len(parts) > 1:
        msg = (
            f"The figure shows one comparison, but there are {len(parts)} ({'; '.join(list(parts)[:4])}, …). Choose "
            "one with group and stratum."
        )
        raise ValueError(msg)
    ((title, part),) = parts.items()
    return title, part


def found(table: pd.DataFrame, q_max: float) -> pd.Series:
    """Whether ``q`` is at most ``q_max``."""
    return table["q"] <= q_max


def special(table: pd.DataFrame, q_max: float) -> pd.Series:
    """Whether a difference exceeds those of decoys (if any) and is not explained by programs of higher reliability."""
    return found(table, q_max) & ~(table["decoy_q"] > q_max) & (table["conditional_q"] <= q_max)
