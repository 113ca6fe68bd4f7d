"""Sentences on what other fits of the model repeat, and on programs that say little."""

from __future__ import annotations

import pandas as pd

from crystallin._report._values import count

from ._words import listed, short

# correlation of a program's activity with that of other fits, from which on other fits repeat it
STEADY = 0.8
# share of a set's genes in the data below which the activity represents only part of the set
LOW_COVERAGE = 0.5


def repeated(stability: pd.Series) -> str:
    """Say which programs other fits repeat; ``stability`` has the names of the programs as its index."""
    known = stability.dropna().sort_values(kind="stable")
    unsteady = known.index[known < STEADY]
    text = (
        f"Other fits of the model repeat {len(known) - len(unsteady):,} of {count(len(known), 'program')} (correlation "
        f"of activities of at least {STEADY:g})"
    )
    if not len(unsteady):
        return f"{text}."
    return f"{text}. Do not build on the others: {listed(short(unsteady))}."


def barely_covered(coverage: pd.Series) -> str:
    """Name programs with less than half of their genes in the data; empty if there are none."""
    low = coverage.index[coverage < LOW_COVERAGE]
    if not len(low):
        return ""
    has, its = ("has", "its") if len(low) == 1 else ("have", "their")
    return (
        f"{len(low):,} of {count(len(coverage), 'program')} {has} less than half of {its} genes in the data and "
        f"{'represents' if len(low) == 1 else 'represent'} only this part: {listed(short(low))}."
    )
