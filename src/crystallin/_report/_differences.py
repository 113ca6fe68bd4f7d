"""Differences of programs between groups of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crystallin import get
from crystallin._keys import RANK_PROGRAMS_GROUPS

from ._blocks import Heading, Section, Table, Text
from ._difference_figures import COMPARISON, difference_figures
from ._found import Source, Stored
from ._missing import missing, stale
from ._notable import Q_MAX
from ._values import count, show

MAIN = ("program", "effect", "lower", "upper", "effect_sd", "q", "decoy_q", "conditional_q", "reliability", "breadth")
TOTALS = ("total_effect", "total_q", "total_breadth", "opposed", "explained_by")
# opposed programs that are named
N_OPPOSED = 3


def differences_section(source: Source) -> Section:
    """Show every stored ranking."""
    found = source.of(RANK_PROGRAMS_GROUPS)
    if not found:
        return Section("Differences", [missing(RANK_PROGRAMS_GROUPS)])
    return Section("Differences", [block for stored in found for block in _ranking(source, stored)])


def _ranking(source: Source, stored: Stored) -> list:
    table, params = get.rank_programs_groups_df(source.adata, key=stored.slot), stored.params
    title = _title(params)
    n_comparisons = len(table.groupby(COMPARISON, observed=True).groups)
    varies = [name for name in COMPARISON if table[name].nunique() > 1]
    # results of earlier versions have no totals
    main = [*varies, *MAIN, *(name for name in TOTALS if name in table)]
    call = f"crystallin.get.rank_programs_groups_df(adata, key={stored.slot!r})"
    return [
        Heading(title),
        *stale(source, stored),
        Text(_summary(table, n_comparisons)),
        *_readings(table),
        _unit(params),
        *_left_out(params),
        *difference_figures(source, stored, title),
        Table(table, "All differences", main, n_first=20, call=call, name=title),
    ]


def _title(params: Mapping[str, Any]) -> str:
    groupby, reference, within = params.get("groupby", ""), params.get("reference", ""), params.get("within", "")
    title = f"{groupby}: each against all other cells" if reference == "rest" else f"{groupby}: against {reference}"
    return f"{title}, within {within}" if within else title


def _summary(table: pd.DataFrame, n_comparisons: int) -> str:
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


def _readings(table: pd.DataFrame) -> list[Text]:
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


def _unit(params: Mapping[str, Any]) -> Text:
    sample = params.get("sample_key", "")
    if sample:
        return Text(f"The unit of observation is the sample ({sample}): error rates hold for further samples.")
    return Text(
        "The unit of observation is the cell, and cells are not replicates: the result describes these cells and not "
        "other donors. Differences that are due to a single donor are not distinguished from real ones.",
        "warning",
    )


def _left_out(params: Mapping[str, Any]) -> list[Text]:
    left_out = list(params.get("left_out", []))
    return [Text(f"Left out: {show(left_out)}", "missing")] if left_out else []
