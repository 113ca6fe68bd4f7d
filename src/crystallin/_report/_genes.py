"""The genes behind a program."""

from __future__ import annotations

import pandas as pd

from crystallin import get, pl
from crystallin._keys import ATTRIBUTIONS, CELLS, CONTRAST, GROUPS, INTERACTIONS, KIND, PROGRAMS, TOTAL

from ._blocks import Figure, Gallery, Heading, Section, Table, Text
from ._draw import MAX_GROUPS, picture
from ._found import Source, Stored
from ._missing import missing, stale
from ._notable import notable
from ._values import count, show

# programs whose attributions are drawn, and are listed with the genes of each group
N_DRAWN, N_LISTED = 4, 100


def genes_section(source: Source) -> Section:
    """Show attributions, contrasts and interactions."""
    blocks: list = []
    for stored in source.of(ATTRIBUTIONS):
        blocks += _attributions(source, stored)
    if not source.of(ATTRIBUTIONS):
        blocks.append(missing(ATTRIBUTIONS))
    for kind, section in ((CONTRAST, _contrast), (INTERACTIONS, _interactions)):
        found = source.of(kind)
        blocks += [block for stored in found for block in section(source, stored)] if found else [missing(kind)]
    return Section("Genes", blocks)


def _attributions(source: Source, stored: Stored) -> list:
    entry, params, n = source.adata.uns[stored.slot], stored.params, source.n_genes
    what = "cell" if CELLS in entry else "group"
    labels = [str(name) for name in entry[CELLS if what == "cell" else GROUPS]]
    known = {str(name) for name in entry[PROGRAMS]}
    programs = [name for name in notable(source) if name in known]
    title = "Attributions" if stored.slot == stored.kind else f"Attributions ({stored.slot})"
    if not programs:
        return [Heading(title), Text("These are attributions of decoys only, which are left out.", "missing")]
    shown, listed = _chosen(source, stored, labels), programs[:N_LISTED]
    limits = [f"the {n} genes with the largest attribution of each program and {what}"]
    if len(shown) < len(labels):
        limits.append(f"{len(shown)} of {len(labels):,} {what}s")
    if len(listed) < len(programs):
        limits.append(f"{len(listed)} of {len(programs):,} programs")
    call = f"crystallin.get.attributions_df(adata, key={stored.slot!r})"
    table = get.attributions_df(source.adata, listed, shown, n=n, key=stored.slot)
    total = "total " if params.get(KIND) == TOTAL else ""
    method = f"{show(params.get('method'))} of the {total}{show(params.get('target'))}".replace("_", " ")
    return [
        Heading(title),
        *stale(source, stored),
        Text(
            f"How much each gene contributes to each activity: {method}, baseline {show(params.get('baseline'))}. "
            "Genes outside the program are in italics in the figures; they contribute because programs overlap, and "
            "because rates are relative to the cell's total."
        ),
        Gallery([_attribution_figure(source, stored, name, shown, what) for name in programs[:N_DRAWN]]),
        Text(f"The table holds {', '.join(limits)}. To get all:", "text", call),
        Table(table, "Genes with the largest attributions", name=title),
    ]


def _chosen(source: Source, stored: Stored, labels: list[str]) -> list[str]:
    """Return the groups or cells whose attributions are shown: the largest clusters, if they are by cluster."""
    if source.groupby and stored.groupby == source.groupby:
        return [name for name in source.largest(MAX_GROUPS) if name in labels]
    return labels[:MAX_GROUPS]


def _attribution_figure(source: Source, stored: Stored, program: str, shown: list[str], what: str) -> Figure:
    data = get.attributions_df(source.adata, program, shown, n=source.n_genes, key=stored.slot)
    genes = ", ".join(data["gene"].unique()[:3])
    return picture(
        lambda: pl.attributions(source.adata, program, group=shown, n_genes=source.n_genes, key=stored.slot),
        title=f"{program}: contributions of genes to its activity",
        name=f"{stored.slot} {program}",
        alt=f"Heat map of genes and {count(len(shown), what)}, among the genes {genes}.",
        data=data,
        note="Red: raises the activity, blue: lowers it.",
    )


def _contrast(source: Source, stored: Stored) -> list:
    params = get.contrast_params(source.adata, key=stored.slot)
    table = get.contrast_df(source.adata, key=stored.slot)
    total = params.get(KIND) == TOTAL
    title = f"{params['program']}{' (total)' if total else ''}: {params['group']} against {params['reference']}"
    return [
        Heading(title),
        *stale(source, stored),
        Text(
            f"Mean {'total ' if total else ''}activity differs by {params['difference']:+.2f}. The effective number of "
            f"the program's genes that carry it is {params['breadth']:.1f}, and {params['leakage']:.0%} of the "
            "contributions are of genes outside the program."
        ),
        picture(
            lambda: pl.contrast(source.adata, n_genes=source.n_genes, key=stored.slot),
            title=f"Genes that contribute to the difference ({params['groupby']})",
            alt=f"Waterfall of genes, the first {', '.join(table['gene'].head(3).astype(str))}.",
            data=table,
            name=f"{stored.slot} {title}",
            note="Bars add up to the difference. Blue: raises it, orange: lowers it. Italics: not in the program.",
        ),
        Table(table, f"Contributions: {title}", folded=True),
    ]


def _interactions(source: Source, stored: Stored) -> list:
    params = stored.params
    table: pd.DataFrame = get.interactions_df(source.adata, key=stored.slot)
    where = f"{params.get('group')}" if params.get("groupby") else "all cells"
    return [
        Heading(f"Interactions of genes for {params['program']} ({where})"),
        *stale(source, stored),
        Text(
            "Pairs of genes whose effects on the encoder depend on each other. They describe how the model infers the "
            "activity, and are not evidence of regulation."
        ),
        Table(table, f"Pairs of genes for {params['program']}", n_first=10, folded=True),
    ]
