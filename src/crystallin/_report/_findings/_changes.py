"""Sentences on what differs between groups, or changes under a design."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crystallin._report._values import count, shorten

from ._compared import Compared
from ._words import WIDTH, amount, interval

# groups whose highest program is named
N_GROUPS = 12
# effective number of genes below which a difference is that of a single gene
ONE_GENE = 1.5
# and below which one or two genes do
FEW_GENES = 2
# of a condition, and of groups against all other cells
VERBS = {"up": "rose", "down": "fell"}
STATES = {"up": "was higher", "down": "was lower"}
UNIT = "prior standard deviations"
RATE = "at a false discovery rate of 5 %"


def called(compared: Compared) -> str:
    """Say how many programs differ, and where most of them do."""
    table = compared.table
    if table["q"].isna().all():
        return "No program could be tested, because the counts determine the activities too little."
    rows = table[table["call"] != ""]
    n, size = rows["program"].nunique(), count(table["program"].nunique(), "program")
    verb = "differed" if compared.is_against_rest else "changed"
    if not n:
        where = "" if compared.n == 1 else f" in any of the {compared.n:,} {compared.places}"
        return f"None of {size} {verb}{where} {RATE}."
    if compared.n == 1:
        words = STATES if compared.is_against_rest else VERBS
        sides = [f"{(rows['call'] == side).sum():,} {words[side].removeprefix('was ')}" for side in words]
        return f"{n:,} of {size} {verb} {RATE}: {sides[0]} and {sides[1]}."
    sizes = rows.groupby(["stratum", compared.kind], sort=False, observed=True)["program"].nunique()
    stratum, group = sizes.idxmax()
    most = compared.place(pd.Series({"stratum": stratum, compared.kind: group}))
    none = f"; none did in {compared.n - len(sizes):,}" if len(sizes) < compared.n else ""
    return (
        f"{n:,} of {size} {verb} in at least one of the {compared.n:,} {compared.places} {RATE}. Most {verb} in {most} "
        f"({sizes.max():,}){none}."
    )


def strongest(compared: Compared) -> list[str]:
    """Say which program rose and which fell in most comparisons, and by how much and how surely."""
    words = STATES if compared.is_against_rest else VERBS
    sentences = []
    for direction, verb in words.items():
        rows = compared.table[compared.table["call"] == direction]
        if rows.empty:
            continue
        # a program that responds everywhere says more than one that stands out in one place
        n_called = rows["program"].map(rows["program"].value_counts())
        row = _surest(rows[n_called == n_called.max()])
        n, name = int(n_called.max()), shorten(str(row["program"]), WIDTH)
        size = f"by {amount(row['effect'])} {UNIT} ({interval(row['lower'], row['upper'])})"
        if compared.n == 1:
            text = f"{name} {verb} most clearly: {size}"
        elif n == 1:
            text = f"{name} {verb} most clearly: {size} in {compared.place(row)}, and is called in no other"
        else:
            all_of = f"all {n:,}" if n == compared.n else f"{n:,} of {compared.n:,}"
            text = f"{name} {verb} in {all_of} {compared.places}, most clearly {size} in {compared.place(row)}"
        sentences.append(f"{text}.{_doubts(row)}")
    called = compared.table[compared.table["call"] != ""]
    narrow = int((called["breadth"] < FEW_GENES).sum()) if "breadth" in called else 0
    if narrow and len(called) > 1:
        verb = "rests" if narrow == 1 else "rest"
        sentences.append(
            f"{narrow:,} of the {len(called):,} differences called {verb} on one or two genes (breadth below "
            f"{FEW_GENES}): read these as changes of genes, not of programs."
        )
    return sentences


def highest(compared: Compared) -> str:
    """Name the program that is most surely higher in each group than in all other cells; empty if there is none."""
    rows = compared.table[compared.table["call"] == "up"]
    rows = rows[rows["lead"].astype(bool)] if "lead" in rows else rows
    named = []
    for group, part in rows.groupby("group", sort=False, observed=True):
        row = _surest(part)
        named.append(
            f"{shorten(str(group), WIDTH)}: {shorten(str(row['program']), WIDTH)} (by {amount(row['effect'])})"
        )
    if not named:
        return ""
    more = f"; and {len(named) - N_GROUPS:,} more groups" if len(named) > N_GROUPS else ""
    return f"In {UNIT} above all other cells: {'; '.join(named[:N_GROUPS])}{more}."


def _doubts(row: pd.Series) -> str:
    """Say what speaks against reading a difference by the name of its program."""
    doubts = []
    if row.get("breadth", np.inf) < ONE_GENE:
        doubts.append("A single gene carries this difference.")
    if row.get("opposed", False):
        doubts.append("The total activity of its genes goes the other way, because of other programs.")
    return "".join(f" {doubt}" for doubt in doubts)


def _surest(rows: pd.DataFrame) -> pd.Series:
    """Return the row whose interval is farthest from 0, so that a few cells with a wide interval do not come first."""
    distance = np.fmin(rows["lower"].abs(), rows["upper"].abs()).fillna(0)
    return rows.iloc[int(distance.to_numpy().argmax())]
