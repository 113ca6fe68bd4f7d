"""Common parts of the figures of differences between groups and of contrasts of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import get
from crystallin._keys import COMPARE, COMPARISON, RANK_PROGRAMS_GROUPS, SHARE_OF_FITS, TOTAL

TRUST_Q = 0.05
# smaller q values are not distinguished
MIN_Q = 1e-10
# columns that are drawn, in either reading; the latter are not in all results
OF_BOTH = ("effect", "lower", "upper", "effect_sd", "q", "decoy_q", "breadth")
OF_SOME = (SHARE_OF_FITS, "effect_min", "effect_max", "most_influential", "detectable")
# a difference of an ensemble is steady if at least this share of its fits call it
STEADY_FROM, ROUNDING = 0.8, 1e-9


def comparisons(
    adata: AnnData,
    group: str | Sequence[str] | None,
    stratum: str | Sequence[str] | None,
    families: Literal["all", "lead"],
    key: str,
    kind: str,
    *,
    contrast: str | Sequence[str] | None = None,
    tool: str = RANK_PROGRAMS_GROUPS,
) -> dict[str, pd.DataFrame]:
    """Return the rows of each comparison, by its title, which names the stratum if there is one.

    Columns such as ``effect`` and ``q`` are those of the reading ``kind``. ``other_effect`` is the effect in the other
    reading, and ``is_opposed`` whether that surely goes in the other direction.
    """
    options = {"stratum": stratum, "kind": kind, "families": families, "key": key}
    if tool == COMPARE:
        table = get.compare_df(adata, contrast, **options)
    else:
        table = get.rank_programs_groups_df(adata, group, **options)
    # results of earlier versions have one reading
    opposed = {"is_opposed": table.get("opposed", False), "other_effect": table.get("total_effect", np.nan)}
    if kind == TOTAL:
        opposed["other_effect"] = table["effect"]
        columns = [*OF_BOTH, *(name for name in OF_SOME if name in table)]
        table = table.drop(columns="conditional_q").assign(**{name: table[f"total_{name}"] for name in columns})
    table = table.assign(**opposed)
    parts = {}
    for labels, part in table.groupby(COMPARISON[tool], sort=False, observed=True):
        parts[_title(*labels)] = part
    return parts


def _title(stratum: str, what: str, reference: str | None = None) -> str:
    title = what if reference is None else f"{what} against {reference}"
    return f"{stratum}: {title}" if stratum else title


def only(parts: dict[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """Return the single comparison; raise if there are several."""
    if len(parts) > 1:
        chosen_by = "contrast" if all("contrast" in part for part in parts.values()) else "group"
        msg = (
            f"The figure shows one comparison, but there are {len(parts)} ({'; '.join(list(parts)[:4])}, …). Choose "
            f"one with {chosen_by} and stratum."
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


def q_words(q: float) -> str:
    """Return a q value in words."""
    if np.isnan(q):
        return "not tested"
    if q < MIN_Q:
        return f"q < {MIN_Q:.0e}"
    return f"q = {q:.2f}" if q >= 0.095 else f"q = {q:.1g}"
