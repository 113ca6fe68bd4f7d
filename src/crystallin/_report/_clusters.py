"""Clusters of cells: their sizes, labels and top programs."""

from __future__ import annotations

import pandas as pd

from crystallin import pl
from crystallin._keys import ANNOTATE, RULES

from ._blocks import Gallery, Section, Table, Text
from ._draw import MAX_GROUPS, picture
from ._embedding import clusters_on_embedding, programs_on_embedding
from ._found import Source
from ._names import names_blocks, with_names
from ._notable import top_programs
from ._values import count

# programs named for each cluster
N_TOP = 3
CHOOSE = "crystallin.report(adata, path, groupby=…)"
MAIN = ("group", "cells", "label", "reason", "top_programs", "score", "rule", "no_rule", "precision", "recall")


def clusters_section(source: Source, why: str) -> Section:
    """Show one row for each cluster, and the programs that distinguish them; ``why`` these, or why there are none."""
    figures = [*clusters_on_embedding(source), *_dots(source)]
    blocks: list = [*_overview(source), Gallery(figures), Gallery(programs_on_embedding(source))]
    if why:
        blocks = [Text(why, "text" if source.groupby else "missing", CHOOSE), *blocks]
    if source.groupby or source.of(ANNOTATE) or source.of(RULES):
        blocks += names_blocks(source)
    return Section("Clusters", blocks)


def _overview(source: Source) -> list:
    if source.groupby is None:
        return []
    sizes = source.labels.value_counts()
    table = pd.DataFrame({"group": source.groups, "cells": [int(sizes[name]) for name in source.groups]})
    table = with_names(source, table)
    if not source.has_activity:
        text = Text("No activities were written:", "missing", "crystallin.tl.activity(adata, model)")
        return [text, Table(table, f"Clusters of {source.groupby}", MAIN, n_first=25)]
    top, how = top_programs(source)
    table["top_programs"] = ["; ".join(top[name][:N_TOP]) or "none stands out" for name in source.groups]
    return [Text(how), Table(table, f"Clusters of {source.groupby}", MAIN, n_first=25)]


def _dots(source: Source) -> list:
    if source.groupby is None or not source.has_activity:
        return []
    groups, note, adata = source.largest(MAX_GROUPS), "", source.adata
    if len(groups) < len(source.groups):
        note = f"The {len(groups)} largest of {count(len(source.groups), 'cluster')}. "
        adata = adata[source.labels.isin(groups).to_numpy()]
    mean = source.activity.groupby(source.labels.to_numpy()).mean().loc[groups].rename_axis("group")
    return [
        picture(
            lambda: pl.dotplot(adata, source.groupby, key=source.key),
            title="Programs that tell the clusters apart",
            alt=f"Dot plot of programs and {count(len(groups), 'cluster')} of {source.groupby}.",
            data=mean.melt(ignore_index=False, var_name="program", value_name="mean_activity").reset_index(),
            note=(
                f"{note}Colour: mean unique activity; 0 is the average cell, 1 a prior standard deviation. Size: share "
                "of the cells that are above 0 with a probability of at least 0.95. The CSV file has all programs."
            ),
        )
    ]
