"""Top programs of each cluster, and the programs to show where there is not room for all."""

from __future__ import annotations

from itertools import chain, zip_longest

import numpy as np
import pandas as pd

from crystallin import get
from crystallin._keys import RANK_PROGRAMS_GROUPS
from crystallin.stats import MIN_DIFFERENCE, effects_of_those_up

from ._found import Source, Stored

Q_MAX = 0.05


def top_programs(source: Source) -> tuple[dict[str, list[str]], str]:
    """Return the programs that are higher in each cluster than elsewhere, and how they were found."""
    for stored in source.of(RANK_PROGRAMS_GROUPS):
        if _is_of_clusters(stored, source.groupby):
            return _from_ranking(source, stored), (
                f"Top programs are higher in the cluster than in all other cells, with a q of at most {Q_MAX}; one of "
                f"each family, the most certain first (from {stored.slot!r})."
            )
    return _from_activity(source), (
        "Top programs have the largest differences of mean activity between the cluster and all other cells, of at "
        f"least {MIN_DIFFERENCE} standard deviations between cells. The differences were not tested."
    )


def notable(source: Source) -> list[str]:
    """Return all programs, the top programs of clusters first: first the first of each cluster, then the second."""
    names = list(get.programs_df(source.adata, key=source.key, columns="all").index)
    if not source.has_activity:
        return names
    top = top_programs(source)[0] if source.groupby else {}
    spread = source.activity.std(ddof=0).sort_values(ascending=False, kind="stable")
    ordered, known = chain(*zip_longest(*top.values()), spread.index), set(names)
    return [name for name in dict.fromkeys(ordered) if name in known]


def _is_of_clusters(stored: Stored, groupby: str | None) -> bool:
    params = stored.params
    return params.get("groupby") == groupby and params.get("reference") == "rest" and not params.get("within")


def _from_ranking(source: Source, stored: Stored) -> dict[str, list[str]]:
    table = get.rank_programs_groups_df(
        source.adata, key=stored.slot, q_max=Q_MAX, direction="up", families="lead", columns="all"
    )
    found = table.groupby("group", sort=False, observed=True)["program"].agg(list)
    return {group: found.get(group, []) for group in source.groups}


def _from_activity(source: Source) -> dict[str, list[str]]:
    activity, groups = source.activity, source.groups
    codes = pd.Categorical(source.labels, categories=groups).codes
    # a cluster of a single cell, or of all cells, has no top programs
    effect = effects_of_those_up(activity.to_numpy(), np.asarray(codes, dtype=int), len(groups))
    found = pd.DataFrame(effect, index=groups, columns=activity.columns)
    return {
        group: list(row.dropna().sort_values(ascending=False, kind="stable").index) for group, row in found.iterrows()
    }
