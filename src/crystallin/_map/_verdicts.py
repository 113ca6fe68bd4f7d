"""Verdicts on groups of cells: like the reference, shifted, or new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crystallin._keys import ALPHA, FEW, LIKE, NEW, SHIFTED
from crystallin.stats import LabelModel

from ._reference import Reference
from ._scores import Placed

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

    The label of a group is that of most of its cells. A group is like the reference if its mean is as near to the mean
    of its label as groups of held-out samples are, and no more of its cells are unlike than of those. Else, it is new
    if it is as far away as another label in a sample like those would typically be, and shifted if not.

    If most groups of the query are displaced in the same direction, a displacement in this direction does not make a
    group new. If intercepts of a new batch are shifted more than three times as much as those of any held-out sample,
    no group is like the reference, and what groups have in common counts.

    Without samples in the reference, it is not known how much samples differ: no group is shifted, unless its batch is,
    and what groups have in common is not removed.

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
        Names of the dimensions that are compared; empty for those that are not to be named as moved.
    """
    sizes = np.bincount(codes, minlength=len(groups))
    means = np.array([query.activity[codes == group].mean(axis=0) for group in range(len(groups))])
    labels = [most_frequent(query.label[codes == group]) for group in range(len(groups))]
    moved = np.array([query.cells.way(mean, label) for mean, label in zip(means, labels, strict=True)])
    enough = sizes >= MIN_CELLS
    spacing = query.cells.spacing
    # with fewer genes, samples differ less as well
    limit = reference.limit * (spacing / reference.cells.spacing)
    far = float(np.hypot(spacing, np.nan_to_num(limit)))
    is_foreign = query.batch_shift > reference.batch_limit
    direction = np.zeros(moved.shape[1]) if is_foreign else common_direction(moved[enough], limit)
    distance, own = (
        [query.cells.length(way, *known) for way, *known in zip(ways, sizes, labels, strict=True)]
        for ways in (moved, moved - np.outer(moved @ direction, direction))
    )
    rows = []
    for group, name in enumerate(groups):
        inside = codes == group
        unlike = float((p[inside] < ALPHA).mean())
        is_near = distance[group] <= limit and unlike <= reference.unlike_limit and not is_foreign
        is_far = not is_near and own[group] >= far
        rows.append(
            {
                "group": str(name),
                "n_cells": int(sizes[group]),
                "verdict": _verdict(int(sizes[group]), is_near, is_far, not np.isnan(limit) or is_foreign),
                "label": str(reference.labels[labels[group]]),
                "label_share": float((query.label[inside] == labels[group]).mean()),
                "unlike": unlike,
                "unlike_limit": reference.unlike_limit,
                "distance": distance[group],
                "own_distance": own[group],
                "limit": float(limit),
                "far": far,
                "batch_shift": query.batch_shift,
                "batch_limit": float(reference.batch_limit),
                "moved": _moved(means[group] - query.cells.mean[labels[group]], query.cells, programs),
            }
        )
    return pd.DataFrame(rows)


def common_direction(ways: np.ndarray, limit: float) -> np.ndarray:
    """Return the direction in which most groups are displaced, of length 1; 0 if there is none.

    It is that of the median displacement, if more than half of the groups are displaced along it by more than the
    ``limit`` for groups of new samples.
    """
    if len(ways) < MIN_GROUPS:
        return np.zeros(ways.shape[1])
    common = np.median(ways, axis=0)
    length = np.linalg.norm(common)
    if not length > 0:
        return np.zeros_like(common)
    direction = common / length
    return direction if np.mean(ways @ direction > limit) > 0.5 else np.zeros_like(common)


def most_frequent(labels: np.ndarray) -> int:
    """Return the label of most cells."""
    return int(np.bincount(labels).argmax())


def _verdict(n_cells: int, is_near: bool, is_far: bool, can_be_shifted: bool) -> str:
    if n_cells < MIN_CELLS:
        return FEW
    if is_far:
        return NEW
    return SHIFTED if can_be_shifted and not is_near else LIKE


def _moved(change: np.ndarray, cells: LabelModel, programs: Sequence[str]) -> str:
    """Name the programs whose mean changed most, relative to the spread of cells."""
    relative = np.where(np.asarray(programs) != "", change / np.sqrt(np.diag(cells.covariance)), 0)
    largest = np.argsort(-np.abs(relative))[:N_MOVED]
    return ", ".join(
        f"{programs[place]} {relative[place]:+.1f}" for place in largest if abs(relative[place]) >= MIN_MOVED
    )
