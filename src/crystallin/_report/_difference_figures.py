"""Figures of differences between groups."""

from __future__ import annotations

import pandas as pd

from crystallin import get, pl
from crystallin._keys import COMPARISON, RANK_PROGRAMS_GROUPS

from ._blocks import Figure
from ._draw import MAX_GROUPS, MAX_PANELS, picture
from ._found import Source, Stored
from ._values import count

LABELS = COMPARISON[RANK_PROGRAMS_GROUPS]
SURE = ["q", "decoy_q", "conditional_q"]
# programs in the matrix of effects, and in a panel of the surest
N_PROGRAMS, N_SUREST = 25, 8
# panels side by side, which can be read on a small screen
N_COLUMNS = 2


def difference_figures(source: Source, stored: Stored, title: str) -> list[Figure]:
    """Draw all comparisons at a glance and, if there are few, the most certain differences of each."""
    table = get.rank_programs_groups_df(source.adata, key=stored.slot, columns="all")
    if table["q"].isna().all():
        return []
    comparisons = list(table.groupby(LABELS, sort=False, observed=True).groups)
    figures = [_matrix(source, stored, table, comparisons, title)]
    return [*figures, _surest(source, stored, comparisons, title)] if len(comparisons) <= MAX_PANELS else figures


def _matrix(source: Source, stored: Stored, table: pd.DataFrame, comparisons: list[tuple], title: str) -> Figure:
    strata, groups = _drawn(source, stored, comparisons)
    drawn = table[table["stratum"].isin(strata) & table["group"].isin(groups)]
    n = len(drawn.groupby(LABELS, observed=True).groups)
    few = f"{n} of {len(comparisons):,} comparisons. " if n < len(comparisons) else ""
    tested = drawn[drawn["q"].notna()]
    surest = ""
    if len(tested):
        row = tested.loc[tested["statistic"].abs().idxmax()]
        where = f"{row['stratum']}, {row['group']}" if row["stratum"] else row["group"]
        surest = f" The most certain: {row['program']} in {where}, {row['effect']:+.2f}."
    return picture(
        lambda: pl.effects(source.adata, group=groups, stratum=strata, n_programs=N_PROGRAMS, key=stored.slot),
        title="Differences at a glance",
        name=f"at a glance {title}",
        alt=f"Matrix of programs and {count(n, 'comparison')}, coloured by the difference.{surest}",
        data=drawn[[*LABELS, "program", "call", "effect", *SURE]],
        note=(
            f"{few}Red: higher in the group, blue: lower, in prior standard deviations; grey: not tested. A dot marks "
            "differences that are called; the rest is pale. The CSV file has all programs."
        ),
    )


def _surest(source: Source, stored: Stored, comparisons: list[tuple], title: str) -> Figure:
    best = get.rank_programs_groups_df(source.adata, key=stored.slot, families="lead", columns="all")
    best = best.groupby(LABELS, sort=False, observed=True).head(N_SUREST)
    return picture(
        lambda: pl.rank_programs_groups(source.adata, n_programs=N_SUREST, n_cols=N_COLUMNS, key=stored.slot),
        title="Most certain differences",
        name=f"surest {title}",
        alt=f"Dots with intervals: the most certain differences of {count(len(comparisons), 'comparison')}.",
        data=best[[*LABELS, "program", "call", "effect", "lower", "upper", *SURE]],
        note=(
            "Difference of mean activity with its 95 % interval. Filled: called, blue if higher, orange if lower. On "
            "the right: the effective number of genes that carry the difference. Diamond: the total activity surely "
            "differs in the opposite direction."
        ),
    )


def _drawn(source: Source, stored: Stored, comparisons: list[tuple]) -> tuple[list[str], list[str]]:
    """Return strata and groups of the comparisons that fit into a figure: the largest clusters, or else the first."""
    strata, groups = ([*dict.fromkeys(names)] for names in list(zip(*comparisons, strict=True))[:2])
    if len(comparisons) <= MAX_GROUPS:
        return strata, groups
    if source.groupby and stored.groupby == source.groupby:
        largest = set(source.largest(MAX_GROUPS))
        clusters = strata if stored.params.get("within") else groups
        clusters[:] = [name for name in clusters if name in largest]
    groups = groups[:MAX_GROUPS]
    return strata[: max(MAX_GROUPS // len(groups), 1)], groups
