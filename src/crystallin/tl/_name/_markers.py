"""Which programs are labels of cells, and which of them are finer than others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import get
from crystallin.stats import NONE

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)

UNASSIGNED = "unassigned"
CATEGORY, CELL_TYPE = "category", "cell type"


@dataclass(frozen=True)
class Markers:
    """Programs that name cells.

    Attributes
    ----------
    names
        Names of the programs.
    columns
        Their positions among the model's programs.
    parent
        For each the position in ``names`` of the next coarser one, -1 for the coarsest.
    """

    names: list[str]
    columns: np.ndarray
    parent: np.ndarray

    def path(self, label: int) -> list[str]:
        """Names from the coarsest to this one."""
        found = []
        while label != NONE:
            found.insert(0, self.names[label])
            label = self.parent[label]
        return found

    def categorical(self, labels: np.ndarray) -> pd.Categorical:
        """Labels in the collection's order, those that occur; what has no name comes last."""
        there = set(labels.tolist())
        return pd.Categorical(labels, [name for name in (*self.names, UNASSIGNED) if name in there])


def markers(
    adata: AnnData,
    model: ProgramVAE,
    programs: Sequence[str] | None,
    parents: Mapping[str, str] | None,
    key: str,
) -> Markers:
    """Programs that name cells, as asked for or by the collection's categories, and their hierarchy."""
    table = get.programs_df(adata, key=key)
    learned = model.programs_table
    if CATEGORY not in table and learned is not None and CATEGORY in learned:
        # the same programs were added to these cells without what was known of them
        about = learned.set_index("name")
        table = table.join(about[about.columns.difference(table.columns)])
    if programs is not None:
        names = list(dict.fromkeys(checks.check_program_names(programs, table.index.tolist())))
    elif CATEGORY in table:
        names = table.index[table[CATEGORY] == CELL_TYPE].tolist()
    elif "n_present" not in table:
        # which of the programs are cell types is not known, and naming cells by others would be wrong
        msg = (
            f"The table of programs under {key!r} holds their names only, as it was written from a model saved before "
            "categories travelled with models. Name the programs that are cell types with programs=[…] (and parents), "
            f"or copy the table from the reference: adata.uns[{key!r}]['table'] = reference.uns[{key!r}]['table']."
        )
        raise ValueError(msg)
    else:
        names = table.index.tolist()
        logger.warning(
            "The collection has no categories, so all %d programs are taken as labels of cells; programs=[…] names "
            "those that are.",
            len(names),
        )
    if not names:
        msg = (
            f"No program of the collection under {key!r} is of the category {CELL_TYPE!r} (there are "
            f"{', '.join(map(repr, sorted(set(table[CATEGORY]))))}). Name programs that stand for cell types with "
            'programs=[…], or add a collection of markers: crystallin.pp.add_programs(adata, "immune").'
        )
        raise ValueError(msg)
    if parents is None:
        parents = table["parent"].to_dict() if "parent" in table else {}
    else:
        if not isinstance(parents, Mapping | pd.Series):
            msg = f"parents is a {type(parents).__name__}; give a dict of finer label to the next coarser one."
            raise TypeError(msg)
        parents = dict(parents)
        if parents:
            checks.check_program_names([*parents, *parents.values()], table.index.tolist(), "parents")
    place = {name: i for i, name in enumerate(names)}
    positions = model.program_names.tolist()
    return Markers(
        names,
        np.array([positions.index(name) for name in names]),
        np.array([_nearest_coarser(name, place, parents) for name in names]),
    )


def _nearest_coarser(name: str, place: Mapping[str, int], parents: Mapping[str, str]) -> int:
    """Position of the next coarser label that is there: the one between may have had too few genes."""
    seen = {name}
    while coarser := parents.get(name):
        if coarser in seen:
            msg = f"parents: {coarser!r} is coarser than itself; a hierarchy has no circles."
            raise ValueError(msg)
        seen.add(coarser)
        if coarser in place:
            return place[coarser]
        name = coarser
    return NONE
