"""A query that was mapped to a reference: which groups are like it, and which are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crystallin import get, pl
from crystallin._keys import ALPHA, MAP

from ._blocks import Heading, Section, Table, Text
from ._draw import picture
from ._found import Source, Stored
from ._missing import stale
from ._values import count, shorten

TITLE = "Against the reference"
# number of groups that are named
N_NAMED = 8
MAIN = ("group", "verdict", "label", "n_cells", "unlike", "distance", "own_distance", "limit", "far", "moved")
EXPLAINED = (
    "These cells were mapped to a model that was trained on others. Each group's mean activity is compared with those "
    "of the labels of the reference. A group is like the reference if it is as near to a label as groups of held-out "
    "samples are; new if it is as far from every label as labels are from each other; and shifted if it is in between: "
    "cells of a known label in another state, or measured in another way. Activities of new groups say less, because "
    "the model was trained on nothing like them."
)
NO_SAMPLES = (
    "The reference was calibrated without samples, so it is not known how much samples differ. p-values hold for cells "
    "of the same samples only, and no group can be called shifted."
)


def map_sections(source: Source) -> list[Section]:
    """Return the section on a mapped query; none if the cells were not mapped."""
    found = source.of(MAP)
    if not found:
        return []
    return [Section(TITLE, [Text(EXPLAINED), *(block for stored in found for block in _map(source, stored))])]


def _map(source: Source, stored: Stored) -> list:
    table = get.map_df(source.adata, key=stored.slot, columns="all")
    cells = get.map_cells_df(source.adata, key=stored.slot)
    name = stored.slot
    blocks: list = [] if stored.slot == stored.kind else [Heading(f"Mapped under {stored.slot!r}")]
    blocks += [*stale(source, stored), Text(_in_words(table, cells))]
    if not np.isfinite(table["limit"].astype(float)).any():
        blocks.append(Text(NO_SAMPLES, "warning"))
    figure = picture(
        lambda: pl.map(source.adata, alpha=ALPHA, key=stored.slot),
        title="Cells and groups against the reference",
        name=name,
        alt=f"Cells over the labels of the reference, and distances of {count(len(table), 'group')} with verdicts.",
        data=table,
        note=(
            "Left: circles hold 95 % of the cells of a label of the reference; grey crosses are cells unlike it. "
            "Right: distance of each group's mean from the nearest label; the diamond is the distance without what "
            "most groups have in common."
        ),
    )
    call = f"crystallin.get.map_df(adata, key={stored.slot!r})"
    return [*blocks, figure, Table(table, "Verdicts on groups", MAIN, n_first=25, call=call, name=f"verdicts {name}")]


def _in_words(table: pd.DataFrame, cells: pd.DataFrame) -> str:
    """Return the verdicts and the share of unusual cells in sentences."""
    verdict = table["verdict"].astype(str)
    groups = [f"{int(n):,} {name}" for name, n in verdict.value_counts().items()]
    text = f"Of {count(len(table), 'group')}: {', '.join(groups)}."
    for kind in ("new", "shifted"):
        names = [shorten(str(name)) for name in table.loc[verdict == kind, "group"]]
        more = f" and {len(names) - N_NAMED:,} more" if len(names) > N_NAMED else ""
        text += f" {kind.capitalize()}: {', '.join(names[:N_NAMED])}{more}." if names else ""
    unlike = int((cells["p"] < ALPHA).sum())
    return (
        f"{text} {unlike:,} of {count(len(cells), 'cell')} ({unlike / max(len(cells), 1):.0%}) are unlike the "
        f"reference (p below {ALPHA:g}); {ALPHA:.0%} are expected by chance."
    )
