"""Groups, their labels, and the evidence for these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin._keys import SHARE_OF_FITS, Keys
from crystallin.stats import Lift
from crystallin.tl._shared import GroupMeans, choose_cells, group_means, n_refits, stored_activity

from ._evidence import gene_evidence, largest
from ._footing import footing_of
from ._markers import UNSURE, Markers
from ._naming import Naming, Needs, specificities

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# largest numbers of cells to represent a group, and of genes and programs to list as evidence
MAX_CELLS, N_GENES, N_PROGRAMS = 500, 5, 5


@dataclass(frozen=True)
class NamedGroups:
    """Labels of groups, and the evidence for them.

    Attributes
    ----------
    of_cell
        Group of each cell, from 0.
    labels
        Label of each group.
    table
        One row per group.
    scores
        One row per group and label.
    """

    of_cell: np.ndarray
    labels: list[str]
    table: pd.DataFrame
    scores: pd.DataFrame

    @property
    def marked(self) -> list[str]:
        """Labels of groups, with a question mark where another lineage is almost as likely."""
        return [
            f"{label}{UNSURE}" if unsure else label
            for label, unsure in zip(self.labels, self.table["ambiguous"], strict=True)
        ]


def name_groups(
    adata: AnnData,
    model: ProgramVAE,
    known: Markers,
    needs: Needs,
    groupby: str,
    sample_key: str | None,
    profiles: str | pd.DataFrame | None,
    keys: Keys,
    kind: str,
    rng: np.random.Generator,
) -> NamedGroups:
    """Label the groups of a column; see :func:`crystallin.tl.annotate`."""
    chosen, some = choose_cells(adata, groupby), choose_cells(adata, groupby, max_cells=MAX_CELLS)
    means = group_means(adata, chosen, sample_key, keys, kind)
    group = pd.Categorical(chosen.labels, chosen.groups).codes
    n_cells = np.bincount(group)
    is_reference = n_cells >= needs.cells

    def lifted(means: GroupMeans) -> Lift:
        return stats.lift(means.mean[:, known.columns], means.reliability[:, known.columns], is_reference)

    found = lifted(means)
    evidence = gene_evidence(adata, model, some, known.columns, found.off, kind)
    footing = footing_of(adata, model, some, known, keys, profiles, groupby)
    naming = Naming(known, found.value, evidence.support, evidence.breadth, n_cells, needs, footing)

    table = pd.concat([naming.table(), naming.uncertainty(means, rng)], axis=1)
    table.insert(0, "group", chosen.groups)
    table["n_cells"] = n_cells
    # the genes' evidence is that of the first fit
    scores_of_refits = [
        lifted(group_means(adata, chosen, sample_key, keys, kind, refit)).value
        for refit in range(n_refits(adata, keys))
    ]
    if scores_of_refits:
        table[SHARE_OF_FITS] = naming.share_of_same(scores_of_refits)
    best, real = naming.choice.best, np.flatnonzero(~model.is_decoy)
    activity = stored_activity(adata, keys, kind)[0][some.positions]
    table["specificity"] = specificities(activity, known.columns[best], group[some.positions], naming.labels())
    reasons = [evidence.of(g, label) for g, label in enumerate(best)]
    genes = adata.var_names.to_numpy()
    table["genes"] = [";".join(largest(genes[gene], values, N_GENES)) for gene, values in reasons]
    above = stats.lift(means.mean[:, real], means.reliability[:, real], is_reference).value
    table["programs"] = [";".join(largest(model.program_names[real], values, N_PROGRAMS)) for values in above]

    scores = pd.DataFrame(
        {
            "group": np.repeat(chosen.groups, len(known.names)),
            "label": np.tile(known.names, len(chosen.groups)),
            "score": found.value.ravel(),
            "support": evidence.support.ravel(),
        }
    )
    if footing is not None:
        scores["likeness"] = footing.likeness.value.ravel()
    return NamedGroups(group, naming.labels(), table, scores)
