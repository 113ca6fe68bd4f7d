"""Cells of the two sides of a contrast in each stratum, and how much their activities are shrunk."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import stats
from crystallin._store import CHUNK_ROWS, RowSource

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)

# cells on each side of a stratum from which a mean is taken
MIN_CELLS = 10


def sides(adata: AnnData, groupby: str, group: str, reference: str) -> tuple[str, str, np.ndarray]:
    """Return the names of the two groups, and the side of each cell: 0 in the group, 1 in the reference, else -1."""
    known = checks.check_labels(adata, groupby, "groupby")
    if pd.api.types.is_list_like(group):
        msg = f"group={group!r} must be one group of {groupby!r}."
        raise TypeError(msg)
    # in a list, because a group may have the name "all"
    (group,), reference = checks.check_groups([group], reference, known.names, groupby)
    inside = known.of_cells == group
    there = ~inside if reference == checks.REST else known.of_cells == reference
    return group, reference, np.where(inside, 0, np.where(there, 1, -1))


def strata_of(
    adata: AnnData, within: str | None, groupby: str, side: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return which cells are in each stratum that has enough cells, and the reasons for leaving out the others."""
    if within is None:
        return {"": np.ones(len(side), dtype=bool)}, []
    if within == groupby:
        msg = f"within={within!r} is also groupby; choose another column, such as the cell type, or leave it out."
        raise ValueError(msg)
    known = checks.check_labels(adata, within, "within")
    strata, left_out = {}, []
    for name in known.names:
        inside = known.of_cells == name
        n = [int((inside & (side == which)).sum()) for which in (0, 1)]
        if min(n) >= MIN_CELLS:
            strata[name] = inside
        else:
            left_out.append(f"{name}: {n[0]} cell(s) in the group and {n[1]} in the reference, of {MIN_CELLS} needed.")
    if not strata:
        msg = (
            f"No label of within={within!r} has {MIN_CELLS} cells on both sides: {' '.join(left_out[:3])} Choose a "
            "column with larger labels, or leave within out."
        )
        raise ValueError(msg)
    for reason in left_out:
        logger.warning("Left out %s", reason)
    return strata, left_out


def units(strata: dict[str, np.ndarray], side: np.ndarray) -> tuple[np.ndarray, pd.Categorical]:
    """Return the cells that are compared, and the unit of each: stratum and side, sides of a stratum in succession."""
    unit = np.full(len(side), -1)
    for number, inside in enumerate(strata.values()):
        compared = inside & (side >= 0)
        unit[compared] = 2 * number + side[compared]
    cells = np.flatnonzero(unit >= 0)
    return cells, pd.Categorical.from_codes(unit[cells], list(map(str, range(2 * len(strata)))))


def shares(sd: RowSource, cells: np.ndarray, unit: np.ndarray, place: int) -> np.ndarray:
    """Return the mean reliability of a program in each unit."""
    total = np.zeros(unit.max() + 1)
    for start in range(0, len(cells), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        variance = np.square(np.asarray(sd[cells[rows]], dtype=float)[:, place])
        total += np.bincount(unit[rows], variance, len(total))
    return stats.reliability(total / np.bincount(unit))
