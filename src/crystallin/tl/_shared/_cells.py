"""Cells that a tool uses, and their groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._checks import ALL

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Chosen:
    """Chosen cells and their groups.

    Attributes
    ----------
    positions
        Positions of the cells.
    labels
        Group of each cell. The categories are the groups that have cells, in the order of the column's categories; the
        model returns results in this order.
    """

    positions: np.ndarray
    labels: pd.Categorical

    @property
    def groups(self) -> list[str]:
        """Groups that have cells, in their order."""
        return self.labels.categories.tolist()


def choose_cells(
    adata: AnnData, groupby: str | None, *, cells: Any = None, max_cells: int | None = None, seed: int = 0
) -> Chosen:
    """Choose cells by group, at most ``max_cells`` of each at random; without ``groupby`` there is a single group."""
    positions = checks.check_indices(cells, adata.obs_names, "cells")
    if groupby is None:
        known, labels = [ALL], np.full(len(positions), ALL, dtype=object)
    else:
        found = checks.check_labels(adata, groupby, "groupby")
        known, labels = found.names, found.of_cells[positions]
    if max_cells is not None:
        rng = np.random.default_rng(seed)
        parts = [np.flatnonzero(labels == name) for name in known]
        kept = np.sort(np.concatenate([rng.permutation(part)[:max_cells] for part in parts]))
        positions, labels = positions[kept], labels[kept]
    return Chosen(positions, pd.Categorical(labels, known).remove_unused_categories())
