"""Labels of clusters, and rules that distinguish them."""

from __future__ import annotations

import pandas as pd

from crystallin import get, pl
from crystallin._keys import ANNOTATE, KIND, RULES, TABLE, UNIQUE

from ._blocks import Figure, Heading, Table, Text
from ._draw import MAX_GROUPS, picture
from ._found import Source, Stored
from ._missing import missing, stale
from ._values import show

READERS = {ANNOTATE: get.annotation_df, RULES: get.rules_df}
# what the table of clusters takes from each, and what it calls it
OF_CLUSTER = {
    ANNOTATE: {name: name for name in ("label", "reason", "ambiguous", "score", "lower", "upper", "second")},
    RULES: {"rule": "rule", "reason": "no_rule", "precision": "precision", "recall": "recall"},
}
# what is shown first
MAIN = {
    ANNOTATE: (
        "group",
        "label",
        "reason",
        "path",
        "n_cells",
        "score",
        "lower",
        "upper",
        "second",
        "margin",
        "ambiguous",
        "support",
        "best",
    ),
    RULES: ("group", "rule", "reason", "precision", "recall", "f1", "prevalence", "gain", "certainty", "stability"),
}
THRESHOLDS = {"min_score": "score", "min_support": "support", "min_margin": "margin"}


def with_names(source: Source, table: pd.DataFrame) -> pd.DataFrame:
    """Add labels and rules to the table of clusters, where these are of the same clusters."""
    for kind, columns in OF_CLUSTER.items():
        for stored in source.of(kind)[:1]:
            if stored.groupby == source.groupby:
                found = READERS[kind](source.adata, key=stored.slot, columns="all")
                found = found[["group", *columns]].rename(columns=columns)
                table = table.merge(found, on="group", how="left")
    return table


def names_blocks(source: Source) -> list:
    """Show annotations and rules in full."""
    blocks: list = []
    for kind, describe in {ANNOTATE: _annotation, RULES: _rules}.items():
        found = source.of(kind)
        blocks += [block for stored in found for block in describe(source, stored)] if found else [missing(kind)]
    return blocks


def _annotation(source: Source, stored: Stored) -> list:
    limits = [f"{word} {show(stored.params[name])}" for name, word in THRESHOLDS.items() if name in stored.params]
    text = (
        f"Names of the clusters, from programs that are cell types. The score is the {_reading(stored)} activity of "
        "the program above the clusters in which it is off, in standard deviations between cells. Clusters that no "
        f"name fits are 'unassigned'. A name needs at least: {', '.join(limits)} "
    )
    if "likeness" in source.adata.uns[stored.slot][TABLE]:
        text += "; but the coarsest name of a branch is decided by likeness to known types of cells."
    else:
        text += "(the coarsest name of a branch needs no margin)."
    return _result(source, stored, f"Labels of {stored.groupby}", text)


def _rules(source: Source, stored: Stored) -> list:
    text = (
        f"Rules on {_reading(stored)} activities that pick a cluster's cells; thresholds are prior standard deviations "
        "from the average cell. Precision and recall are computed on held-out cells of these data. Clusters whose best "
        "rule is hardly better than chance have none; the reason is in the table."
    )
    title = f"Rules for {stored.groupby}"
    terms = get.rules_df(source.adata, terms=True, key=stored.slot)
    return [*_result(source, stored, title, text), Table(terms, f"{title}: terms and thresholds", folded=True)]


def _reading(stored: Stored) -> str:
    return str(stored.params.get(KIND, UNIQUE))


def _result(source: Source, stored: Stored, title: str, text: str) -> list:
    title = title if stored.slot == stored.kind else f"{title} ({stored.slot})"
    table = READERS[stored.kind](source.adata, key=stored.slot, columns="all")
    blocks = [Heading(title), *stale(source, stored), Text(text), _figure(source, stored, title, table)]
    return [*blocks, Table(table, title, MAIN[stored.kind])]


def _figure(source: Source, stored: Stored, title: str, table: pd.DataFrame) -> Figure:
    own = source.groupby and stored.groupby == source.groupby
    groups = [name for name in (source.largest(MAX_GROUPS) if own else table["group"]) if name in set(table["group"])]
    groups, n = groups[:MAX_GROUPS], len(table)
    few = f"{len(groups)} of {n:,} clusters. " if len(groups) < n else ""
    draw, data, note = pl.rules, table[table["group"].isin(groups)], "Lines: 95 % intervals, on held-out cells."
    if stored.kind == ANNOTATE:
        draw, data = pl.annotation, get.annotation_df(source.adata, groups, scores=True, key=stored.slot)
        note = "Colour: score, size: share of the label's genes that agree with it, ring: the label that was given."
    return picture(
        lambda: draw(source.adata, group=groups, key=stored.slot),
        title=f"{title} at a glance",
        alt=f"{'Scores of labels' if stored.kind == ANNOTATE else 'Precision and recall of rules'} for {show(groups)}.",
        data=data,
        note=few + note,
    )
