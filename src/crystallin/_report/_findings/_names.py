"""Sentences on the names of clusters, and on rules that pick them."""

from __future__ import annotations

import pandas as pd

from crystallin._keys import UNASSIGNED
from crystallin._report._values import count, shorten

from ._words import WIDTH, are, listed, part_of, percent, short

# names, doubts and reasons that are listed
N_NAMES, N_DOUBTS, N_REASONS = 20, 5, 4


def names(table: pd.DataFrame, groupby: str) -> list[str]:
    """Say which clusters are what, which of the names are uncertain, and which clusters have none and why."""
    label = table["label"].astype(str)
    named = table[label != UNASSIGNED]
    text = f"Of {groupby}, {part_of(len(named), len(table), 'group')} named"
    if len(named):
        of_label = named.groupby(named["label"].astype(str), sort=False)["group"].agg(list)
        parts = [f"{shorten(name, WIDTH)} ({listed(short(groups))})" for name, groups in of_label.items()]
        more = f"; and {len(parts) - N_NAMES:,} more names" if len(parts) > N_NAMES else ""
        text += f": {'; '.join(parts[:N_NAMES])}{more}"
    sentences = [f"{text}."]
    doubtful = named[named["ambiguous"].astype(bool)]
    if len(doubtful):
        could = [
            f"{shorten(str(row['group']), WIDTH)} could also be {shorten(str(row['second']), WIDTH)}"
            for _, row in doubtful.head(N_DOUBTS).iterrows()
        ]
        more = f", and {len(doubtful) - N_DOUBTS:,} more" if len(doubtful) > N_DOUBTS else ""
        verb = "is" if len(doubtful) == 1 else "are"
        sentences.append(f"{len(doubtful):,} of these names {verb} uncertain: {'; '.join(could)}{more}.")
    for _, row in table[label == UNASSIGNED].head(N_REASONS).iterrows():
        best = f" (closest to {shorten(str(row['best']), WIDTH)})" if row["best"] else ""
        sentences.append(f"{shorten(str(row['group']), WIDTH)} is unassigned{best}, because {row['reason']}.")
    n_more = int((label == UNASSIGNED).sum()) - N_REASONS
    if n_more > 0:
        sentences.append(f"{count(n_more, 'more group')} {are(n_more)} unassigned.")
    return sentences


def rules(table: pd.DataFrame, groupby: str) -> str:
    """Say how many clusters have a rule that holds for other cells, and how well these rules pick their cells."""
    held = table[table["rule"] != ""]
    if held.empty:
        return f"No rule on activities picks the cells of any group of {groupby} clearly better than chance."
    text = f"A rule on activities picks the cells of {len(held):,} of {count(len(table), 'group')} of {groupby}"
    share = f"precision {percent(held['precision'].median())}, recall {percent(held['recall'].median())}"
    best = held.loc[held["f1"].idxmax()]
    example = f"; the best is that of {shorten(str(best['group']), WIDTH)}: {best['rule']}"
    return f"{text} (median {share}, on held-out cells){example}."
