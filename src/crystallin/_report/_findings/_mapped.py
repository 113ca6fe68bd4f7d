"""Sentences on a query that was mapped to a reference."""

from __future__ import annotations

import pandas as pd

from crystallin._keys import ALPHA, LIKE, NEW, SHIFTED
from crystallin._report._values import count, shorten

from ._words import WIDTH, are, listed, part_of, percent

# groups whose shift is described
N_SHIFTED = 5


def verdicts(table: pd.DataFrame) -> list[str]:
    """Say which groups are like the reference, which are new or shifted, and what moved."""
    verdict = table["verdict"].astype(str)
    like = table[verdict == LIKE]
    labels = [f"{_name(row, 'group')} ({_name(row, 'label')})" for _, row in like.iterrows()]
    text = f"Of the query, {part_of(len(like), len(table), 'group')} like the reference"
    sentences = [f"{text}: {listed(labels)}." if labels else f"{text}."]
    new = [_name(row, "group") for _, row in table[verdict == NEW].iterrows()]
    if new:
        sentences.append(f"{listed(new)} {are(len(new))} new: as far from every label as labels are from each other.")
    shifted = table[verdict == SHIFTED]
    for _, row in shifted.head(N_SHIFTED).iterrows():
        moved = f" ({row['moved']})" if "moved" in row and row["moved"] else ""
        sentences.append(f"{_name(row, 'group')} is {_name(row, 'label')}, but shifted{moved}.")
    if len(shifted) > N_SHIFTED:
        n = len(shifted) - N_SHIFTED
        sentences.append(f"{count(n, 'more group')} {are(n)} shifted.")
    return sentences


def unlike(p: pd.Series) -> str:
    """Say how many single cells are unlike the reference."""
    n = int((p < ALPHA).sum())
    share = percent(n / max(len(p), 1))
    return (
        f"{n:,} of {count(len(p), 'cell')} ({share}) {are(n)} unlike the reference (p below {ALPHA:g}); "
        f"{percent(ALPHA)} are expected by chance."
    )


def _name(row: pd.Series, column: str) -> str:
    return shorten(str(row[column]), WIDTH)
