"""What is said of differences, of groups or of contrasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ._blocks import Text
from ._notable import Q_MAX
from ._values import count, show

# opposed programs that are named
N_OPPOSED = 3


def summary(table: pd.DataFrame, n_comparisons: int) -> str:
    tested, differs = table["q"].notna(), table["q"] <= Q_MAX
    size = f"{count(n_comparisons, 'comparison')} of {count(table['program'].nunique(), 'program')}."
    if not tested.any():
        return f"{size} None could be tested, because the reliability of these programs is too low."
    text = f"{size} Of {tested.sum():,} tested differences {differs.sum():,} have a q of at most {Q_MAX}"
    special = differs & (table["conditional_q"] <= Q_MAX)
    if table["decoy_q"].notna().any():
        special &= table["decoy_q"] <= Q_MAX
        return f"{text}; for {special.sum():,} of these, decoy_q and conditional_q are at most {Q_MAX} as well."
    return (
        f"{text}; for {special.sum():,} of these, conditional_q is at most {Q_MAX} as well. Whether random sets differ "
        "as much is not known, because there were fewer than ten decoys."
    )


def readings(table: pd.DataFrame) -> list[Text]:
    """Say what the two readings are, and name programs in which they are opposed."""
    if "opposed" not in table:
        return []
    q = table["total_q"]
    text = (
        "Effects are of what each program explains beside all other programs (unique). Columns that begin with total_ "
        "are of what the genes of its set do, whichever programs explain it: "
        f"{(q <= Q_MAX).sum():,} of {q.notna().sum():,} tested differences of totals have a total_q of at most {Q_MAX}."
    )
    opposed = table[table["opposed"].astype(bool)]
    if len(opposed):
        names = list(dict.fromkeys(opposed["program"].astype(str)))
        text += (
            f" In {len(opposed):,} differences the two surely go in opposite directions "
            f"({', '.join(names[:N_OPPOSED])}{', …' if len(names) > N_OPPOSED else ''}); explained_by names the "
            "programs that account for it."
        )
    return [Text(text)]


def unit(params: Mapping[str, Any]) -> Text:
    sample = params.get("sample_key", "")
    if sample:
        return Text(f"The unit of observation is the sample ({sample}): error rates hold for further samples.")
    return Text(
        "The unit of observation is the cell, and cells are not replicates: the result describes these cells and not "
        "other donors. Differences that are due to a single donor are not distinguished from real ones.",
        "warning",
    )


def left_out(params: Mapping[str, Any]) -> list[Text]:
    left_out = list(params.get("left_out", []))
    return [Text(f"Left out: {show(left_out)}", "missing")] if left_out else []
