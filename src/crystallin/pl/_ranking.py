"""Common parts of the figures of differences between groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import get
from crystallin._keys import SHARE_OF_FITS, TOTAL

TRUST_Q = 0.05
# columns that are drawn, in either reading
OF_BOTH = ("effect", "lower", "upper", "effect_sd", "q", "decoy_q", "breadth")
# a difference of an ensemble is steady if at least this share of its fits call it
STEADY_FROM, ROUNDING = 0.8, 1e-9


def comparisons(
    adata: AnnData,
    group: str | Sequence[str] | None,
    stratum: str | Sequence[str] | None,
    families: Literal["all", "lead"],
    key: str,
    kind: str,
) -> dict[str, pd.DataFrame]:
    """Return the rows of each comparison, by its title, which names the stratum if there is one.

    Columns such as ``effect`` and ``q`` are those of the reading ``kind``. ``other_effect`` is the effect in the other
    reading, and ``is_opposed`` whether that surely goes in the other direction.
    """
    table = get.rank_programs_groups_df(adata, group, stratum=stratum, kind=kind, families=families, key=key)
    # results of earlier versions have one reading
    opposed = {"is_opposed": table.get("opposed", False), "other_effect": table.get("total_effect", np.nan)}
    if kind == TOTAL:
        opposed["other_effect"] = table["effect"]
        columns = [*OF_BOTH, *([SHARE_OF_FITS] if SHARE_OF_FITS in table else [])]
        table = table.drop(columns="conditional_q").assign(**{name: table[f"total_{name}"] for name in columns})
    table = table.assign(**opposed)
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
    """Whether a difference is more than that of decoys (if any), of programs of higher reliability, and of one fit."""
    is_special = found(table, q_max) & ~(table["decoy_q"] > q_max)
    # totals have no conditional differences
    if "conditional_q" in table:
        is_special &= table["conditional_q"] <= q_max
    # single models have one fit
    return is_special & (table[SHARE_OF_FITS] >= STEADY_FROM - ROUNDING) if SHARE_OF_FITS in table else is_special
