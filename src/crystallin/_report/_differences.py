"""Differences of programs between groups of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crystallin import get
from crystallin._keys import COMPARE, RANK_PROGRAMS_GROUPS

from ._blocks import Heading, Section, Table, Text
from ._contrasts import contrast_blocks
from ._difference_figures import LABELS, difference_figures
from ._difference_texts import left_out, readings, summary, unit
from ._found import Source, Stored
from ._missing import missing, stale

MAIN = ("program", "effect", "lower", "upper", "effect_sd", "q", "decoy_q", "conditional_q", "reliability", "breadth")
TOTALS = ("total_effect", "total_q", "total_breadth", "opposed", "explained_by")


def differences_section(source: Source) -> Section:
    """Show every stored ranking, and the contrasts of every stored design."""
    rankings, designs = source.of(RANK_PROGRAMS_GROUPS), source.of(COMPARE)
    if not (rankings or designs):
        return Section("Differences", [missing(RANK_PROGRAMS_GROUPS)])
    blocks = [block for stored in rankings for block in _ranking(source, stored)]
    return Section("Differences", blocks + [block for stored in designs for block in contrast_blocks(source, stored)])


def _ranking(source: Source, stored: Stored) -> list:
    table, params = get.rank_programs_groups_df(source.adata, key=stored.slot, columns="all"), stored.params
    title = _title(params)
    n_comparisons = len(table.groupby(LABELS, observed=True).groups)
    varies = [name for name in LABELS if table[name].nunique() > 1]
    # results of earlier versions have no totals
    main = [*varies, *MAIN, *(name for name in TOTALS if name in table)]
    call = f"crystallin.get.rank_programs_groups_df(adata, key={stored.slot!r})"
    return [
        Heading(title),
        *stale(source, stored),
        Text(summary(table, n_comparisons)),
        *readings(table),
        unit(params),
        *left_out(params),
        *difference_figures(source, stored, title),
        Table(table, "All differences", main, n_first=20, call=call, name=title),
    ]


def _title(params: Mapping[str, Any]) -> str:
    groupby, reference, within = params.get("groupby", ""), params.get("reference", ""), params.get("within", "")
    title = f"{groupby}: each against all other cells" if reference == "rest" else f"{groupby}: against {reference}"
    return f"{title}, within {within}" if within else title
