"""The results in an AnnData, and the groups of cells that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import (
    ACTIVITY_PARAMS,
    CONTRAST,
    KEY,
    NAMES,
    PARAMS,
    RANK_PROGRAMS_GROUPS,
    Keys,
)


@dataclass(frozen=True)
class Stored:
    """A result of a tool: its slot, and the arguments it was computed with."""

    slot: str
    kind: str
    params: Mapping[str, Any]

    @property
    def groupby(self) -> str:
        """Column with the clusters that the result describes; empty if it compares something else."""
        params = self.params
        if self.kind in (RANK_PROGRAMS_GROUPS, CONTRAST) and not params.get("within"):
            return str(params.get("groupby", "")) if params.get("reference") == "rest" else ""
        return str(params.get("within") or params.get("groupby", ""))


@dataclass(frozen=True)
class Source:
    """The data that the sections of a page are made from."""

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
        """The stored entry of the programs; empty if there is none."""
        entry = self.adata.uns.get(self.keys.uns, {})
        return entry if checks.is_programs(entry) else {}

    @property
    def has_activity(self) -> bool:
        """Whether activities were written."""
        return bool(self.programs) and {self.keys.activity, self.keys.sd} <= set(self.adata.obsm)

    @property
    def digest(self) -> str:
        """Hash of the model that wrote the activities; empty if it is not known."""
        return str(self.programs.get(ACTIVITY_PARAMS, {}).get("digest", ""))

    @cached_property
    def results(self) -> dict[str, list[Stored]]:
        """Results on these programs by kind, with the one in the tool's default slot first."""
        found = self._all_results if self.programs else {}
        kept = {
            kind: [stored for stored in results if not checks.is_replaced(self.adata, stored.params)]
            for kind, results in found.items()
        }
        return {kind: results for kind, results in kept.items() if results}

    @cached_property
    def replaced(self) -> list[str]:
        """Slots of results whose programs have been added again since then."""
        found = self._all_results if self.programs else {}
        every = [stored for results in found.values() for stored in results]
        return [stored.slot for stored in every if checks.is_replaced(self.adata, stored.params)]

    @cached_property
    def _all_results(self) -> dict[str, list[Stored]]:
        return find_results(self.adata, self.keys)

    @cached_property
    def activity(self) -> pd.DataFrame:
        """Cells x programs, without decoys and without programs whose genes were not measured."""
        return get.activity_df(self.adata, key=self.key).dropna(axis=1, how="all")

    @cached_property
    def labels(self) -> pd.Series | None:
        """Cluster of each cell as text."""
        if self.groupby is None:
            return None
        found = checks.check_labels(self.adata, self.groupby, "groupby")
        return pd.Series(found.of_cells, index=self.adata.obs_names)

    @cached_property
    def groups(self) -> list[str]:
        """Clusters in their order."""
        return [] if self.groupby is None else checks.check_labels(self.adata, self.groupby, "groupby").names

    def of(self, kind: str) -> list[Stored]:
        """Results of one kind."""
        return self.results.get(kind, [])

    def largest(self, n: int) -> list[str]:
        """Return the clusters with the most cells, in the order of the clusters."""
        size = self.labels.value_counts()
        kept = set(size.sort_values(ascending=False, kind="stable").index[:n])
        return [name for name in self.groups if name in kept]


def find_results(adata: AnnData, keys: Keys) -> dict[str, list[Stored]]:
    """Return the entries of ``uns`` that are a tool's result on the programs under ``keys``."""
    found: dict[str, list[Stored]] = {}
    for slot in adata.uns:
        kind = checks.kind_of(adata, slot)
        if kind and _is_of(adata, keys, kind, adata.uns[slot][PARAMS]):
            found.setdefault(kind, []).append(Stored(slot, kind, adata.uns[slot][PARAMS]))
    for kind, results in found.items():
        found[kind] = sorted(results, key=lambda stored: stored.slot != keys.result(kind))
    return found


def _is_of(adata: AnnData, keys: Keys, kind: str, params: Mapping[str, Any]) -> bool:
    """Whether a result is of the programs under ``keys``; old contrasts record only the name of their program."""
    if kind == CONTRAST and KEY not in params:
        # one by one: text read from zarr is not converted as a whole
        return str(params.get("program")) in [str(name) for name in adata.uns[keys.uns][NAMES]]
    return params.get(KEY) == keys.prefix
