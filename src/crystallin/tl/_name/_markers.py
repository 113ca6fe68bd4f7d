"""Programs that are labels of cells, and their hierarchy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import CATEGORY, CELL_TYPE, UNASSIGNED
from crystallin.stats import NONE
from crystallin.tl._shared import members

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)

# added to ambiguous labels
UNSURE = "?"
# share of a label's genes in the data below which its name rests on few genes
POOR = 1 / 3
# number of labels that are named in messages
N_LISTED = 6


@dataclass(frozen=True)
class Markers:
    """Programs that are labels of cells.

    Attributes
    ----------
    names
        Names of the programs.
    columns
        Their positions among the model's programs.
    parent
        Position in ``names`` of the next coarser label of each; -1 for the coarsest labels.
    n_genes
        Number of genes of each that are in the data.
    """

    names: list[str]
    columns: np.ndarray
    parent: np.ndarray
    n_genes: np.ndarray

    def path(self, label: int) -> list[str]:
        """Return the names from the coarsest label to this one."""
        found = []
        while label != NONE:
            found.insert(0, self.names[label])
            label = self.parent[label]
        return found

    def categorical(self, labels: np.ndarray) -> pd.Categorical:
        """Return a categorical of the labels that occur, in the collection's order, with unassigned cells last."""
        there = set(labels.tolist())
        order = [label for name in self.names for label in (name, f"{name}{UNSURE}")]
        return pd.Categorical(labels, [name for name in (*order, UNASSIGNED) if name in there])


def markers(
    adata: AnnData,
    model: ProgramVAE,
    programs: Sequence[str] | None,
    parents: Mapping[str, str] | None,
    key: str,
) -> Markers:
    """Return the programs that are labels, as given or by the collection's categories, and their hierarchy."""
    table = get.programs_df(adata, key=key, columns="all")
    learned = model.programs_table
    if CATEGORY not in table and learned is not None and CATEGORY in learned:
        # the same programs were added to these cells without their categories
        about = learned.set_index("name")
        table = table.join(about[about.columns.difference(table.columns)])
    if programs is not None:
        names = list(dict.fromkeys(checks.check_program_names(programs, table.index.tolist())))
    elif CATEGORY in table:
        names = table.index[table[CATEGORY] == CELL_TYPE].tolist()
    elif "n_present" not in table:
        # it is not known which programs are cell types, and labels from other programs would be wrong
        msg = (
            f"The table of programs under {key!r} holds their names only, because it was written from a model that was "
            "saved by a version without categories. Name the programs that are cell types with programs=[…] (and "
            "their hierarchy with parents), or copy the table from the reference: "
            f"adata.uns[{key!r}]['table'] = reference.uns[{key!r}]['table']."
        )
        raise ValueError(msg)
    else:
        names = table.index.tolist()
        logger.warning(
            "The collection has no categories, so all %d programs are used as labels of cells. To use only some of "
            "them, name these with programs=[…].",
            len(names),
        )
    if not names:
        msg = (
            f"No program of the collection under {key!r} has the category {CELL_TYPE!r} (categories are "
            f"{', '.join(map(repr, sorted(set(table[CATEGORY]))))}). Name the programs that are cell types with "
            'programs=[…], or add a collection of markers: crystallin.pp.add_programs(adata, "immune").'
        )
        raise ValueError(msg)
    _warn_of_coverage(table, names)
    if parents is None:
        parents = table["parent"].to_dict() if "parent" in table else {}
    else:
        if not isinstance(parents, Mapping | pd.Series):
            msg = f"parents is a {type(parents).__name__}; give a dict from finer label to the next coarser one."
            raise TypeError(msg)
        parents = dict(parents)
        if parents:
            checks.check_program_names([*parents, *parents.values()], table.index.tolist(), "parents")
    place = {name: i for i, name in enumerate(names)}
    positions = model.program_names.tolist()
    columns = np.array([positions.index(name) for name in names])
    n_genes = members(model)[:, columns].sum(axis=0)
    return Markers(names, columns, np.array([_nearest_coarser(name, place, parents) for name in names]), n_genes)


def warn_of_dropped(adata: AnnData, key: str) -> None:
    """Name the labels whose sets were left out, which groups without a name could need."""
    table = get.programs_df(adata, key=key, dropped=True, columns="all")
    if not {CATEGORY, "kept", "n_present", "n_genes"} <= set(table):
        return
    gone = table[(table[CATEGORY] == CELL_TYPE) & ~table["kept"].astype(bool)]
    if len(gone):
        listed = [
            f"{name!r} ({present} of {size} genes)"
            for name, present, size in zip(gone.index[:N_LISTED], gone["n_present"], gone["n_genes"], strict=False)
        ]
        more = f" and {len(gone) - N_LISTED} more" if len(gone) > N_LISTED else ""
        logger.warning(
            "Some groups have no name. Labels that were left out when programs were added, as few of their genes are "
            "in the data: %s%s.",
            ", ".join(listed),
            more,
        )


def _warn_of_coverage(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Say so if most labels have only a small part of their genes in the data."""
    if "coverage" not in table:
        return
    n_poor = int((table.loc[list(names), "coverage"] < POOR).sum())
    if n_poor > len(names) / 2:
        logger.warning(
            "%d of %d labels have less than a third of their genes in the data, so names rest on few genes. Keep the "
            "genes of the sets when you select genes: crystallin.pp.select_genes does.",
            n_poor,
            len(names),
        )


def _nearest_coarser(name: str, place: Mapping[str, int], parents: Mapping[str, str]) -> int:
    """Return the position of the next coarser label that exists; those between may have had too few genes."""
    seen = {name}
    while coarser := parents.get(name):
        if coarser in seen:
            msg = f"parents: {coarser!r} is given as coarser than itself. Remove this cycle from the hierarchy."
            raise ValueError(msg)
        seen.add(coarser)
        if coarser in place:
            return place[coarser]
        name = coarser
    return NONE
