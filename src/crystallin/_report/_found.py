"""Which results an AnnData holds, and which groups of cells they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin import get
from crystallin._checks._results import KINDS
from crystallin._keys import (
    ACTIVITY_PARAMS,
    ATTRIBUTIONS,
    CONTRAST,
    NAMES,
    PARAMS,
    PROGRAMS,
    RANK_PROGRAMS_GROUPS,
    TABLE,
    VALUES,
    Keys,
)


@dataclass(frozen=True)
class Stored:
    """A result of a tool: where it is, and the arguments it was made with."""

    slot: str
    kind: str
    params: Mapping[str, Any]

    @property
    def groupby(self) -> str:
        """Column with the clusters that the result describes one by one; empty if it compares something else."""
        params = self.params
        if self.kind in (RANK_PROGRAMS_GROUPS, CONTRAST) and not params.get("within"):
            return str(params.get("groupby", "")) if params.get("reference") == "rest" else ""
        return str(params.get("within") or params.get("groupby", ""))


@dataclass(frozen=True)
class Source:
    """What the sections of a page read from."""

    adata: AnnData
    key: str
    groupby: str | None
    n_genes: int

    @property
    def keys(self) -> Keys:
        """Slots of the programs."""
        return Keys(self.key)

    @property
    def programs(self) -> Mapping[str, Any]:
        """What is stored of the programs; empty if there are none."""
        entry = self.adata.uns.get(self.keys.uns, {})
        return entry if isinstance(entry, Mapping) and NAMES in entry else {}

    @property
    def has_activity(self) -> bool:
        """Whether activities were written."""
        return bool(self.programs) and self.keys.activity in self.adata.obsm

    @property
    def digest(self) -> str:
        """Hash of the model that wrote the activities; empty if it is not known."""
        return str(self.programs.get(ACTIVITY_PARAMS, {}).get("digest", ""))

    @cached_property
    def results(self) -> dict[str, list[Stored]]:
        """Results on these programs by kind, the one under a tool's own key first."""
        return find_results(self.adata, self.keys) if self.programs else {}

    @cached_property
    def activity(self) -> pd.DataFrame:
        """Cells x programs, without decoys."""
        return get.activity_df(self.adata, key=self.key)

    @cached_property
    def labels(self) -> pd.Series | None:
        """Cluster of each cell as text."""
        return None if self.groupby is None else self.adata.obs[self.groupby].astype(str)

    @cached_property
    def groups(self) -> list[str]:
        """Clusters in their order."""
        return [] if self.groupby is None else checks.check_labels(self.adata, self.groupby, "groupby")

    def of(self, kind: str) -> list[Stored]:
        """Results of one kind."""
        return self.results.get(kind, [])

    def largest(self, n: int) -> list[str]:
        """The clusters with most cells, in the clusters' own order."""
        size = self.labels.value_counts()
        kept = set(size.sort_values(ascending=False, kind="stable").index[:n])
        return [name for name in self.groups if name in kept]


def find_results(adata: AnnData, keys: Keys) -> dict[str, list[Stored]]:
    """Entries of ``uns`` that look like a tool's result on the programs under ``keys``."""
    found: dict[str, list[Stored]] = {}
    for slot, entry in adata.uns.items():
        # the programs' own entry has a table as well
        if not isinstance(entry, Mapping) or not isinstance(entry.get(PARAMS), Mapping) or NAMES in entry:
            continue
        kind = _kind(adata, slot, entry)
        params = entry[PARAMS]
        if kind and _is_of(adata, keys, kind, params):
            found.setdefault(kind, []).append(Stored(slot, kind, params))
    for kind, results in found.items():
        found[kind] = sorted(results, key=lambda stored: stored.slot != stored.kind)
    return found


def common_groupby(adata: AnnData, key: str) -> tuple[str | None, list[str]]:
    """The column of clusters that all results agree on, if they do, and the columns they name."""
    source = Source(adata, key, None, 1)
    named = [stored.groupby for results in source.results.values() for stored in results]
    columns = list(dict.fromkeys(name for name in named if name))
    if len(columns) != 1:
        return None, columns
    try:
        checks.check_labels(adata, columns[0], "groupby")
    except (KeyError, ValueError):
        # the column is not what it was when the results were made
        return None, columns
    return columns[0], columns


def _kind(adata: AnnData, slot: str, entry: Mapping[str, Any]) -> str:
    """Which tool's result this is; empty if of none."""
    table = entry.get(TABLE)
    if isinstance(table, pd.DataFrame):
        fitting = [kind for kind, about in KINDS.items() if about.column in table]
        return slot if slot in fitting else fitting[0] if fitting else ""
    return ATTRIBUTIONS if PROGRAMS in entry and (slot in adata.varm or VALUES in entry) else ""


def _is_of(adata: AnnData, keys: Keys, kind: str, params: Mapping[str, Any]) -> bool:
    """Whether a result is of the programs under ``keys``; a contrast does not say, but names its program."""
    if kind == CONTRAST:
        return str(params.get("program")) in np.asarray(adata.uns[keys.uns][NAMES]).astype(str)
    return params.get("key") == keys.prefix
