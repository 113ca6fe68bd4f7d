"""Free programs: what they are, and where they are active."""

from __future__ import annotations

from crystallin import get
from crystallin._keys import FREE

from ._blocks import Section, Table, Text
from ._found import Source
from ._programs import reliability_of

# a hyphen before the name of a gene, and what takes its place
HYPHEN, MINUS = r"(^|, )-", "\\1\N{MINUS SIGN}"
FIRST = ("program", "genes", "highest_in", "reliability", "hint")


def free_sections(source: Source) -> list[Section]:
    """Return the section on free programs; none if there are no free programs."""
    adata, key = source.adata, source.key
    if FREE not in source.programs:
        return []
    table = get.free_programs_df(adata, key=key)
    names = list(table.index)
    # a gene set also has n_genes, with another meaning
    table = table.rename(columns={"n_genes": "n_loadings"})
    # browsers break lines after a hyphen, and spreadsheets take a leading one for a formula; neither is so for a minus
    table["genes"] = table["genes"].str.replace(HYPHEN, MINUS, regex=True)
    if source.has_activity and set(source.keys.of_kind(FREE)) <= set(adata.obsm):
        both = get.activity_df(adata, names, key=key, sd=True)
        table["reliability"] = reliability_of(both.iloc[:, 1::2].set_axis(names, axis=1))
        if source.groupby:
            activity = get.activity_df(adata, names, key=key)
            table["highest_in"] = activity.groupby(source.labels.to_numpy()).mean().idxmax()
    text = (
        "Free programs are learned from these cells and stand for variation that no gene set explains. They are named "
        "by a number and their most typical genes, the first ten of which are listed under genes; a minus marks genes "
        "that fall when the activity rises. A free program is a direction in the data and not a pathway: it can be a "
        "mixture of several causes, and other data give other ones."
    )
    table = table.rename_axis("program").reset_index()
    return [Section("Free programs", [Text(text), Table(table, "Free programs and their genes", FIRST)])]
