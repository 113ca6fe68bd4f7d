"""How a mapped query is written into AnnData."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import (
    ACTIVITY_PARAMS,
    CENTRES,
    FREE,
    LABELS_OF_MAP,
    MAP,
    MAP_COLUMNS,
    NAMES,
    PARAMS,
    TABLE,
    Keys,
    given,
)
from crystallin.tl._name import written_columns
from crystallin.tl._shared import on_all_genes, origin_of, with_measured

from ._reference import Reference
from ._scores import Placed

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Cellwise:
    """Results for each cell.

    Attributes
    ----------
    labels
        Names of the labels.
    label
        Position of each cell's label.
    probability
        Posterior probability of the label.
    p
        Conformal p-values by name.
    plane, centres
        Coordinates of cells and labels in the plane that best tells labels apart.
    """

    labels: np.ndarray
    label: np.ndarray
    probability: np.ndarray
    p: Mapping[str, np.ndarray]
    plane: np.ndarray
    centres: np.ndarray

    @classmethod
    def of(cls, there: Placed, about: Reference) -> Cellwise:
        """Return labels and p-values of cells of a query."""
        plane, centres = there.cells.plane(there.activity)
        return cls(about.labels, there.label, there.probability, about.p_values(there.scores), plane, centres)


def write_activities(adata: AnnData, query: AnnData, places: np.ndarray, measured: np.ndarray, keys: Keys) -> None:
    """Copy programs and activities from the private AnnData of a query.

    Parameters
    ----------
    adata
        The user's data.
    query
        Private AnnData, with the genes at ``places`` that are not -1.
    places
        Position in ``adata`` of each gene of the reference.
    measured
        Share of each program's weight that is on genes of the query.
    keys
        Slots.
    """
    for slot in keys.of_cells:
        adata.obsm.pop(slot, None)
        if slot in query.obsm:
            adata.obsm[slot] = query.obsm[slot]
    for slot in (keys.prior, keys.added, *keys.of_genes):
        adata.varm.pop(slot, None)
    rows = places[places >= 0]
    for slot in (keys.prior, keys.added):
        if slot in query.varm:
            adata.varm[slot] = on_all_genes(query.varm[slot], rows, adata.n_vars)
    entry = query.uns[keys.uns]
    table = with_measured(entry[TABLE], measured)
    params = entry[PARAMS] | {"n_vars": adata.n_vars, "var_names_hash": checks.hash_names(adata.var_names)}
    copied = {name: entry[name] for name in (NAMES, ACTIVITY_PARAMS, FREE) if name in entry}
    adata.uns[keys.uns] = copied | {TABLE: table, PARAMS: params}


def write_map(
    adata: AnnData,
    cellwise: Cellwise,
    table: pd.DataFrame,
    params: Mapping[str, Any],
    columns: Mapping[str, str],
    keys: Keys,
    digest: str,
) -> None:
    """Write labels, p-values and verdicts, and the columns of ``obs`` that were asked for."""
    values = {**cellwise.p, "label": cellwise.label, "probability": cellwise.probability}
    adata.obsm[keys.map] = np.column_stack([values[name] for name in MAP_COLUMNS]).astype(np.float32)
    adata.obsm[keys.map_plane] = cellwise.plane.astype(np.float32)
    if "label_added" in columns:
        adata.obs[columns["label_added"]] = pd.Categorical.from_codes(cellwise.label, cellwise.labels)
    if "p_added" in columns:
        adata.obs[columns["p_added"]] = cellwise.p["p"]
    adata.uns[keys.result(MAP)] = {
        TABLE: table,
        CENTRES: cellwise.centres,
        PARAMS: given(params)
        | origin_of(MAP, adata, keys, digest)
        | {LABELS_OF_MAP: cellwise.labels}
        | written_columns(adata, columns.values()),
    }
