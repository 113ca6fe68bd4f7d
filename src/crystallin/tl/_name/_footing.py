"""What tells lineages of labels whatever the other cells of the data are: profiles of known types of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import PARAMS, Keys
from crystallin.programs import blood_profiles, read_gene_sets
from crystallin.stats import NONE, Likeness
from crystallin.tl._shared import Chosen, members

from ._markers import Markers

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# With fewer genes in common, profiles of another technology or species would be compared by chance.
MIN_SHARED_GENES = 200
# A difference of .1 in likeness weighs as much as one unit of the score.
WEIGHT = 10.0
IMMUNE = "immune"


@dataclass(frozen=True)
class Footing:
    """Likeness of groups to the types that labels stand for, and the lineages that are possible by it.

    Attributes
    ----------
    likeness
        Of groups and labels.
    value
        What a lineage's likeness counts, groups x labels: -inf for labels that are not its evidence, or whose genes do
        not agree; 1 for a label whose genes exceed all profiles.
    root
        Position of the coarsest label of each label's lineage.
    foreign
        Largest likeness to a type for which there is no label, by group; -inf if there is none.
    foreign_name
        Name of that type.
    """

    likeness: Likeness
    value: np.ndarray
    root: np.ndarray
    foreign: np.ndarray
    foreign_name: np.ndarray

    def evidence(self, score: np.ndarray) -> np.ndarray:
        """Return the evidence for each lineage at its coarsest label, in units of the score; -inf if it is impossible.

        Likeness decides; scores, which depend on the other groups, tell lineages that are equally like.
        """
        return WEIGHT * self._largest(self.value) + self._largest(score)

    def lineage(self, score: np.ndarray) -> np.ndarray:
        """Return the coarsest label of each group, or ``NONE``."""
        first = self.evidence(score).argmax(axis=1)
        of_first = self._largest(self.value)[np.arange(len(score)), first]
        return np.where(np.isfinite(of_first) & (of_first >= self.foreign), first, NONE)

    def _largest(self, values: np.ndarray) -> np.ndarray:
        """Return the largest value of each lineage at its coarsest label, -inf at all others."""
        found = np.full(values.shape, -np.inf)
        for root in np.unique(self.root):
            found[:, root] = values[:, self.root == root].max(axis=1)
        return found

    def closest(self) -> np.ndarray:
        """Return the coarsest label that each group is most like, whether enough genes agree or not."""
        is_root = self.root == np.arange(len(self.root))
        return np.where(is_root & np.isfinite(self.likeness.value), self.likeness.value, -1.0).argmax(axis=1)

    def reason(self, group: int, label: int, name: str) -> str:
        """Say why a group is not of the lineage of a label, which is the one that it is most like."""
        if np.isfinite(self.foreign[group]):
            return f"it is most like {self.foreign_name[group]!r}, for which the collection has no label"
        agreement = self.likeness.agreement[group, label]
        if np.isnan(agreement):
            return "no label has enough genes in the data"
        return (
            f"{100 * agreement:.0f} % of the genes of {name!r} are about as high as in such cells, "
            f"but {100 * self.likeness.needed[label]:.0f} % are needed"
        )


def footing_of(
    adata: AnnData,
    model: ProgramVAE,
    chosen: Chosen,
    known: Markers,
    keys: Keys,
    profiles: str | pd.DataFrame | None,
    groupby: str,
) -> Footing | None:
    """Compare groups with profiles; ``None`` if no label has a profile or too few genes are in both."""
    if profiles is None:
        return None
    table = blood_profiles() if isinstance(profiles, str) else profiles
    names = _symbols(adata, keys)
    shared = np.flatnonzero(pd.Index(names).isin(table.index))
    types = _Types.of(table, known)
    if not isinstance(profiles, str) and not types.own.any():
        msg = (
            f"profiles: none of the types ({', '.join(map(repr, table.columns))}) has the name of a label "
            f"({', '.join(map(repr, known.names))}). Rename the columns."
        )
        raise ValueError(msg)
    if len(shared) < MIN_SHARED_GENES or not types.own.any():
        # groups of one kind cannot be compared with others
        checks.check_groups(checks.ALL, checks.REST, chosen.groups, groupby)
        return None
    reading = model.reading(adata)
    cells = [chosen.positions[chosen.labels == name] for name in chosen.groups]
    counts = np.array([reading.total_counts(positions)[shared] for positions in cells], dtype=float)
    rate = counts / np.clip(counts.sum(axis=1, keepdims=True), 1, None)
    levels = table.loc[names[shared]].to_numpy(dtype=float).T
    levels /= levels.sum(axis=1, keepdims=True)
    sets = members(model)[np.ix_(shared, known.columns)]
    return _compared(rate, levels, sets, types, pd.Index(names[shared]))


@dataclass(frozen=True)
class _Types:
    """Profiles, and the labels that they belong to.

    Attributes
    ----------
    lineages
        Name of the coarsest label of each type.
    own, related
        Which types are a label's own, and of its lineage, labels x types.
    root
        Position of the coarsest label of each label's lineage.
    within
        Whether the label of a column is that of a row or a finer one, labels x labels.
    """

    lineages: np.ndarray
    own: np.ndarray
    related: np.ndarray
    root: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, known: Markers) -> _Types:
        # raises an error if the hierarchy has a cycle, in which paths would have no end
        within = stats.is_within(known.parent)
        parents = read_gene_sets(IMMUNE).meta["parent"].to_dict()
        places = {name: i for i, name in enumerate(known.names)}
        paths = [known.path(places[name]) if name in places else _path(str(name), parents) for name in table.columns]
        labels = [known.path(label) for label in range(len(known.names))]
        own = np.array([[name in path for path in paths] for name in known.names])
        root = np.array([places[path[0]] for path in labels])
        # a type belongs to a lineage if any label of the lineage names it
        of_lineage = np.array([own[root == place].any(axis=0) for place in root])
        lineages = np.array([path[0] for path in paths])
        return cls(lineages, own, of_lineage, root, within)


def _compared(rate: np.ndarray, levels: np.ndarray, sets: np.ndarray, types: _Types, genes: pd.Index) -> Footing:
    own, related = _with_unnamed(levels, sets, types)
    alike = stats.likeness(rate, levels, sets, own, related)
    is_root, has_own = types.root == np.arange(len(types.root)), own.any(axis=1)
    # Finer labels count for their lineage only where its own genes may not show it, as plasma cells do for B cells.
    told = (types.within & (has_own & ~is_root)[:, None]).any(axis=0)
    value = np.where(has_own, alike.value, 1.0)
    value = np.where(np.where(has_own, is_root, ~told) & alike.is_alike, value, -np.inf)
    foreign, names = _foreign(rate, levels, types, related, genes)
    return Footing(alike, value, types.root, foreign, names)


def _with_unnamed(levels: np.ndarray, sets: np.ndarray, types: _Types) -> tuple[np.ndarray, np.ndarray]:
    """Give lineages without a profile of their name those unclaimed types that their genes mark ("Myeloid")."""
    own, related = types.own.copy(), types.related.copy()
    unclaimed = ~related.any(axis=0)
    for root in np.unique(types.root):
        if related[root].any():
            continue
        for lineage in np.unique(types.lineages[unclaimed]):
            these = types.lineages == lineage
            if stats.marks(levels, sets[:, root], these):
                own[root] |= these
                related[types.root == root] |= these
    return own, related


def _foreign(
    rate: np.ndarray, levels: np.ndarray, types: _Types, related: np.ndarray, genes: pd.Index
) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeness to types for which there is no label, by the genes of the built-in collection."""
    best, name = np.full(len(rate), -np.inf), np.full(len(rate), "", dtype=object)
    unclaimed = ~related.any(axis=0)
    if not unclaimed.any():
        return best, name
    read = read_gene_sets(IMMUNE)
    for lineage in np.unique(types.lineages[unclaimed]):
        these = types.lineages == lineage
        targets = read.edges.loc[read.edges["source"] == lineage, "target"]
        sets = genes.isin(targets).reshape(-1, 1)
        alike = stats.likeness(rate, levels, sets, these[None], these[None])
        value = np.where(alike.is_alike, alike.value, -np.inf)[:, 0]
        name = np.where(value > best, lineage, name)
        best = np.maximum(best, value)
    return best, name


def _path(name: str, parents: dict[str, str]) -> list[str]:
    found = [name]
    while parents.get(found[0]):
        found.insert(0, parents[found[0]])
    return found


def _symbols(adata: AnnData, keys: Keys) -> np.ndarray:
    """Return the names of genes by which the programs were found."""
    column = adata.uns.get(keys.uns, {}).get(PARAMS, {}).get("gene_symbols")
    return (adata.var_names if column is None else adata.var[column].astype(str)).to_numpy()
