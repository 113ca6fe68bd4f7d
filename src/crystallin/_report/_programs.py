"""Gene sets, their coverage by the data, and how far to trust each program."""

from __future__ import annotations

import pandas as pd

from crystallin import get, pl
from crystallin._keys import RANK_PROGRAMS_GROUPS

from ._blocks import Section, Table, Text
from ._draw import MAX_PANELS, picture
from ._found import Source
from ._notable import notable
from ._values import count

# with a lower coverage, the activity represents only part of the set
LOW_COVERAGE = 0.5
# columns of the ranking that describe a program and not a comparison
OF_PROGRAM = ("family", "nearest_twin", "twin_similarity", "variance_inflation")
FIRST = ("program", "highest_in", "n_present", "coverage", "reliability", "leakage", "importance")
FIRST += ("variance_inflation", "family", "nearest_twin")
# columns that are shown elsewhere, or are empty for programs that were kept
LEFT_OUT = ("kept", "reason", "decoy", "template")


def programs_section(source: Source) -> Section:
    """Show the table of programs with its trust columns, and the top genes of the most notable programs."""
    if not source.programs:
        return Section("Programs", [Text("No programs were added.", "missing")])
    table = program_table(source)
    text = (
        "Each row is a gene program. The columns say how far its activity can be trusted: how many of its genes are in "
        "the data, how well the counts determine it, how much it depends on genes outside the program, and which other "
        "programs could explain the same counts."
    )
    blocks = [Text(text), Table(table, "Programs and how far to trust them", FIRST, n_first=25)]
    if "leakage" not in table:
        blocks.append(Text("Leakage was not computed:", "missing", "crystallin.tl.leakage(adata, model)"))
    if "importance" not in table:
        blocks.append(Text("Importance was not computed:", "missing", "crystallin.tl.program_importance(adata, model)"))
    if "family" not in table:
        call = "crystallin.tl.rank_programs_groups(adata, model, groupby)"
        blocks.append(Text("Families and twins of programs were not computed:", "missing", call))
    return Section("Programs", [*blocks, *_loadings(source)])


def program_table(source: Source) -> pd.DataFrame:
    """Return the stored table, with columns from the activities and the ranking."""
    adata, key = source.adata, source.key
    table = get.programs_df(adata, key=key, columns="all")
    if source.has_activity:
        both = get.activity_df(adata, key=key, sd=True)
        table["reliability"] = reliability_of(both.iloc[:, 1::2].set_axis(both.columns[::2], axis=1))
    if source.has_activity and source.groupby:
        table["highest_in"] = source.activity.groupby(source.labels.to_numpy()).mean().idxmax()
    for stored in source.of(RANK_PROGRAMS_GROUPS)[:1]:
        ranked = (
            get.rank_programs_groups_df(adata, key=stored.slot, columns="all")
            .drop_duplicates("program")
            .set_index("program")
        )
        table = table.join(ranked[[name for name in OF_PROGRAM if name in ranked and name not in table]])
    return table.drop(columns=list(LEFT_OUT), errors="ignore").rename_axis("program").reset_index()


def reliability_of(sd: pd.DataFrame) -> pd.Series:
    """Return the share of each program's variance that the counts determine; the prior's variance is one."""
    return (1 - (sd**2).mean()).clip(0, 1)


def _loadings(source: Source) -> list:
    if source.keys.loadings not in source.adata.varm or source.keys.prior not in source.adata.varm:
        return [Text("No loadings were written:", "missing", "crystallin.tl.loadings(adata, model)")]
    table = get.loadings_df(source.adata, key=source.key)
    names = [name for name in notable(source) if name in set(table["program"])][:MAX_PANELS]
    shown = table[table["program"].isin(names) & (table["rank"] <= source.n_genes)]
    figure = picture(
        lambda: pl.loadings(source.adata, names, n_genes=source.n_genes, n_cols=2, key=source.key),
        title="Genes with the largest loadings",
        alt=f"Bars: the largest loadings of {', '.join(names)}.",
        data=shown,
        note=(
            f"{count(len(names), 'program')} of {len(table['program'].unique())}, those that are most notable in some "
            "cluster. A loading is the change of a gene's log rate per unit of activity. Blue: up with the program, "
            "orange: down."
        ),
    )
    call = f"crystallin.get.loadings_df(adata, key={source.key!r})"
    return [figure, Table(table, "Loadings of all programs", call=call, folded=True)]


def coverage_section(source: Source) -> Section:
    """Show for each gene set whether it became a program, and its coverage."""
    if not source.programs:
        return Section("Gene sets", [Text("No gene sets were given.", "missing")])
    table = get.programs_df(source.adata, key=source.key, decoys=True, dropped=True, columns="all")
    is_decoy = table["decoy"].astype(bool)
    sets, n_decoys = table[~is_decoy], int(is_decoy.sum())
    kept = sets["kept"].astype(bool)
    blocks: list = []
    if "coverage" in sets:
        text = f"{count(len(sets), 'gene set')} were given, {kept.sum():,} of them became programs"
        text += f"; left out: {(~kept).sum():,}" if (~kept).any() else ""
        text += f". The median coverage of programs by the data is {sets.loc[kept, 'coverage'].median():.0%}. "
        low = sets.index[kept & (sets["coverage"] < LOW_COVERAGE)]
        if len(low):
            text += f"It is below one half for {count(len(low), 'program')}, which should be interpreted with care."
        blocks.append(Text(text))
    else:
        blocks.append(
            Text("The coverage of the sets by these data is not stored, as the programs came with the model.")
        )
    blocks.append(_decoys(n_decoys))
    columns = ["n_genes", "n_present", "coverage", "kept", "reason", "missing"]
    shown = sets[[name for name in columns if name in sets]].rename_axis("set").reset_index()
    if "coverage" in shown:
        # sets that were left out come first
        shown = shown.sort_values(["kept", "coverage"], kind="stable", ignore_index=True)
    blocks.append(Table(shown, "Gene sets and the genes that the data have", n_first=10))
    return Section("Gene sets", blocks)


def _decoys(n: int) -> Text:
    if not n:
        text = "No decoys (random sets to compare with) were trained alongside. To add some:"
        return Text(text, "missing", "crystallin.pp.add_programs(adata, …, n_decoys=50)")
    return Text(
        f"{count(n, 'decoy')} (random sets of similar size and expression) were trained alongside. They show what to "
        "expect by chance, and are left out of the tables."
    )
