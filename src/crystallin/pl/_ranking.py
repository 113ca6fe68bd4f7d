"""Common parts of the figures of differences between groups and of contrasts of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import COMPARE, COMPARISON, LABELS, RANK_PROGRAMS_GROUPS, TOTAL

# the level of the decision
LEVEL = 0.05
# smaller q values are not distinguished
MIN_Q = 1e-10
# columns that are drawn, in either reading; the latter are not in all results
OF_BOTH = ("call", "effect", "lower", "upper", "q", "breadth")
OF_SOME = ("effect_min", "effect_max", "most_influential", "detectable")


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
        table = get.compare_df(adata, contrast, **options, columns="all")
    else:
        table = get.rank_programs_groups_df(adata, group, **options, columns="all")
    # results of earlier versions have one reading
    opposed = {"is_opposed": table.get("opposed", False), "other_effect": table.get("total_effect", np.nan)}
    if kind == TOTAL:
        opposed["other_effect"] = table["effect"]
        columns = [*OF_BOTH, *(name for name in OF_SOME if name in table)]
        table = table.assign(**{name: table[f"total_{name}"] for name in columns})
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


@dataclass(frozen=True)
class Decided:
    """Which differences are called, and the words of the marks.

    Attributes
    ----------
    called
        Whether a difference is called.
    weak
        Whether it is not, although ``q`` is small.
    words
        What is said of those that are called, of the weak ones, and of the others.
    """

    called: np.ndarray
    weak: np.ndarray
    words: tuple[str, str, str]


def decided(table: pd.DataFrame, q_max: float | None) -> Decided:
    """Return which differences are called: those with a ``call`` or, if ``q_max`` is given, with a ``q`` up to it."""
    small = (table["q"] <= (LEVEL if q_max is None else q_max)).to_numpy()
    if q_max is not None:
        checks.check_number(q_max, "q_max", 0, 1)
        return Decided(small, np.zeros_like(small), (f"q ≤ {q_max:g}", "", f"q > {q_max:g}"))
    called = (table["call"] != "").to_numpy()
    return Decided(called, small & ~called, ("called", f"not called, though q ≤ {LEVEL:g}", f"q > {LEVEL:g}"))


def difference_of(kind: str) -> str:
    """Return the name of the axis of differences, with its unit: prior standard deviations."""
    return f"difference of {LABELS[kind]} (prior sd)"


def q_words(q: float) -> str:
    """Return a q value in words."""
    if np.isnan(q):
        return "not tested"
    if q < MIN_Q:
        return f"q < {MIN_Q:.0e}"
    return f"q = {q:.2f}" if q >= 0.095 else f"q = {q:.1g}"
