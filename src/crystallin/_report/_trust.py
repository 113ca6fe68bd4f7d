"""Checks of how far results can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from crystallin import get, pl
from crystallin._keys import (
    ACTIVITY_PARAMS,
    ATTRIBUTION_AGREEMENT,
    FAITHFULNESS,
    KNOCKDOWN,
    LEAKAGE,
    PROGRAM_IMPORTANCE,
    RESAMPLE,
)

from ._blocks import Heading, Section, Table, Text
from ._draw import picture
from ._found import Source, Stored
from ._missing import missing, stale
from ._values import show

# columns of the table of programs that only an ensemble has
STABILITIES = ("stability", "total_stability", "loadings_stability")
# number of programs to name as the most important
N_FIRST = 3


class _Shown(NamedTuple):
    """A result that is shown as it is stored."""

    title: str
    text: str
    read: Callable[..., pd.DataFrame]


SHOWN = {
    LEAKAGE: _Shown(
        "Leakage",
        "The share of each program's attributions that falls on genes outside the program, by group.",
        get.leakage_df,
    ),
    PROGRAM_IMPORTANCE: _Shown(
        "Importance",
        "How much each program contributes to the fit of the counts, by group. Any gene set contributes something; "
        "decoys, if there are any, show how much.",
        get.program_importance_df,
    ),
    ATTRIBUTION_AGREEMENT: _Shown(
        "Agreement of methods",
        "If methods of attribution with different assumptions name the same genes, the result can be trusted. If they "
        "do not, it depends on the method.",
        get.attribution_agreement_df,
    ),
    FAITHFULNESS: _Shown(
        "Faithfulness",
        "How an activity changes when the genes that a method names are removed, or when only these are kept.",
        get.faithfulness_df,
    ),
    KNOCKDOWN: _Shown("Knock-down", "Expected changes when {what} are silenced: {silenced}.", get.knockdown_df),
}


def trust_section(source: Source) -> Section:
    """Show leakage, importance, agreement, faithfulness and knock-downs."""
    blocks = _stability(source)
    for kind, about in SHOWN.items():
        for stored in source.of(kind):
            blocks += _result(source, stored, about)
        if not source.of(kind):
            blocks.append(missing(kind))
    return Section("Checks", blocks)


def _stability(source: Source) -> list:
    """Return what the fits of an ensemble say of each program; nothing for a single model."""
    programs = get.programs_df(source.adata, key=source.key, columns="all") if source.has_activity else ()
    if not set(STABILITIES) <= set(programs):
        return []
    table = programs[[*STABILITIES]].rename_axis("program").reset_index().sort_values(STABILITIES[0], kind="stable")
    unique, total = (programs[name] for name in STABILITIES[:2])
    text = (
        f"The model was fitted several times, {_differs(source)}. Correlation of a program's activity "
        f" with that of the other fits: {unique.median():.2f} in the median over programs, and "
        f"{unique.quantile(0.1):.2f} at the 10th percentile; of the total activity {total.median():.2f} and "
        f"{total.quantile(0.1):.2f}. Do not build on the activity of a program that other fits do not repeat."
    )
    return [
        Heading("Would another run say the same?"),
        Text(text),
        Table(table, "Stability of programs, the least stable first", n_first=15, folded=True, name="Stability"),
    ]


def _differs(source: Source) -> str:
    """Return what the fits differ in."""
    resample = source.programs[ACTIVITY_PARAMS].get(RESAMPLE)
    if resample == "seed":
        return "each time to all cells with other random numbers"
    of_what = "cells" if resample == "cells" else f"samples ({resample})"
    return f"first to all cells and then to halves of the {of_what}"


def _result(source: Source, stored: Stored, about: _Shown) -> list:
    # decoys are left out, as in all tables
    table = without_decoys(source, about.read(source.adata, key=stored.slot))
    title = about.title if stored.slot == stored.kind else f"{about.title} ({stored.slot})"
    call = f"crystallin.get.{about.read.__name__}(adata, key={stored.slot!r})"
    text = about.text.format(what=stored.params.get("what", ""), silenced=show(stored.params.get("silenced")))
    blocks = [Heading(title), *stale(source, stored), Text(text + _headline(stored.kind, table))]
    if stored.kind == ATTRIBUTION_AGREEMENT:
        blocks += _agreement(source, stored, table)
    return [*blocks, Table(table, f"{title}: all values", n_first=15, call=call, folded=True, name=title)]


def _headline(kind: str, table: pd.DataFrame) -> str:
    """Return the main result of a table in a sentence."""
    if kind == LEAKAGE:
        by_program = table.groupby("program")["leakage"].mean().sort_values()
        low, high = by_program.index[[0, -1]]
        return (
            f" Its median over programs is {by_program.median():.0%}; it is lowest for {low} ({by_program[low]:.0%}) "
            f"and highest for {high} ({by_program[high]:.0%})."
        )
    if kind == PROGRAM_IMPORTANCE:
        first = table.groupby("program")["importance"].max().nlargest(N_FIRST)
        named = ", ".join(f"{name} ({show(value)})" for name, value in first.items())
        return f" Most important programs in any group, in nats per cell: {named}."
    if kind == KNOCKDOWN:
        row = table.loc[table["change"].abs().idxmax()]
        name = row["program"] if "program" in table else row["gene"]
        return f" The largest change: {name} in {row['group']}, from {show(row['before'])} to {show(row['after'])}."
    return ""


def without_decoys(source: Source, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that are not of decoys."""
    if "program" not in table:
        return table
    programs = get.programs_df(source.adata, key=source.key, decoys=True, columns="all")
    decoys = programs.index[programs["decoy"].astype(bool)]
    return table[~table["program"].isin(decoys)].reset_index(drop=True)


def _agreement(source: Source, stored: Stored, table: pd.DataFrame) -> list:
    figure = picture(
        lambda: pl.agreement(source.adata, key=stored.slot),
        title="How alike methods rank the genes",
        alt="Matrix of methods of attribution with the mean overlap of their rankings.",
        data=table,
        note="Mean over programs and groups. 1: the same order, 0: no gene in common.",
    )
    consensus = get.attribution_agreement_df(source.adata, what="consensus", key=stored.slot)
    blocks = [figure, Table(consensus, "Genes by all methods", folded=True)]
    spread = get.attribution_agreement_df(source.adata, what="spread", key=stored.slot)
    return [*blocks, Table(spread, "Spread over baselines and seeds", folded=True)] if len(spread) else blocks
