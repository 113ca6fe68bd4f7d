"""Verdicts on groups of cells: like the reference, shifted, or new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crystallin.stats import LabelModel

from ._reference import ALPHA, Reference
from ._scores import Placed

LIKE, SHIFTED, NEW, FEW = "like the reference", "shifted", "new", "too few cells"
# the mean of fewer cells is too uncertain
MIN_CELLS = 10
# with fewer groups, what they have in common cannot be told from what is their own
MIN_GROUPS = 3
# number of programs that are named as moved, and how far they must have, in standard deviations of cells
N_MOVED, MIN_MOVED = 3, 1.0


def verdicts(
    reference: Reference,
    query: Placed,
    groups: Sequence[str],
    codes: np.ndarray,
    p: np.ndarray,
    programs: Sequence[str],
) -> pd.DataFrame:
    """Return a table with a verdict on each group.

    A group is like the reference if its mean is as near to the mean of a label as groups of held-out samples are. Else,
    it is new if it is as far from every label as labels typically are from each other, and shifted if not. What all
    groups of the query have in common does not make a group new: the median displacement is removed first.

    Parameters
    ----------
    reference
        The reference.
    query
        Cells of the query.
    groups
        Names of the groups.
    codes
        Position of each cell's group.
    p
        Conformal p-value of each cell.
    programs
        Names of the dimensions.
    """
    sizes = np.bincount(codes, minlength=len(groups))
    means = np.array([query.activity[codes == group].mean(axis=0) for group in range(len(groups))])
    displaced = [query.cells.displacement(mean) for mean in means]
    labels = [label for label, _ in displaced]
    moved = np.array([way for _, way in displaced])
    enough = sizes >= MIN_CELLS
    common = np.median(moved[enough], axis=0) if enough.sum() >= MIN_GROUPS else np.zeros(moved.shape[1])
    distance, own = (
        [query.cells.length(way, *known) for way, *known in zip(ways, sizes, labels, strict=True)]
        for ways in (moved, moved - common)
    )
    nearest = query.distances.argmin(axis=1)
    limit, spacing = reference.limit, query.cells.spacing
    rows = []
    for group, name in enumerate(groups):
        inside = codes == group
        rows.append(
            {
                "group": str(name),
                "n_cells": int(sizes[group]),
                "verdict": _verdict(int(sizes[group]), distance[group], own[group], limit, spacing),
                "label": str(reference.labels[labels[group]]),
                "label_share": float((nearest[inside] == labels[group]).mean()),
                "unlike": float((p[inside] < ALPHA).mean()),
                "distance": distance[group],
                "own_distance": own[group],
                "limit": float(limit),
                "spacing": float(spacing),
                "moved": _moved(means[group] - query.cells.mean[labels[group]], query.cells, programs),
            }
        )
    return pd.DataFrame(rows)


def _verdict(n_cells: int, distance: float, own: float, limit: float, spacing: float) -> str:
    if n_cells < MIN_CELLS:
        return FEW
    if distance <= limit:
        return LIKE
    if min(own, distance) >= spacing:
        return NEW
    # without samples in the reference, it is not known how much samples differ
    return LIKE if np.isnan(limit) else SHIFTED


def _moved(change: np.ndarray, cells: LabelModel, programs: Sequence[str]) -> str:
    """Name the programs whose mean changed most, relative to the spread of cells."""
    relative = change / np.sqrt(np.diag(cells.covariance))
    largest = np.argsort(-np.abs(relative))[:N_MOVED]
    return ", ".join(
        f"{programs[place]} {relative[place]:+.1f}" for place in largest if abs(relative[place]) >= MIN_MOVED
    )
