"""Labels chosen along a hierarchy, from coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NONE = -1


@dataclass(frozen=True)
class Choice:
    """One label for each row.

    Attributes
    ----------
    label
        Position of the label, or ``NONE``.
    score
        Largest score of the label and its finer labels; the score of the best label if none was chosen.
    second
        Position of the best label that is neither coarser nor finer than the first, or ``NONE``.
    second_score
        Its score, 0 if there is none.
    best
        The label with the largest score, whether it was chosen or not.
    """

    label: np.ndarray
    score: np.ndarray
    second: np.ndarray
    second_score: np.ndarray
    best: np.ndarray


def choose(
    score: np.ndarray,
    supported: np.ndarray,
    parent: np.ndarray,
    *,
    min_score: float,
    min_margin: float,
    lineage: np.ndarray | None = None,
    closest: np.ndarray | None = None,
) -> Choice:
    """Choose the coarse label with the best evidence, and a finer one as long as it beats its siblings.

    Programs of a lineage share genes, and a finer program takes over part of the signal of the coarser one. The
    evidence for a label is therefore the largest score of itself and all finer labels. A label without support gives no
    evidence for coarser labels, but it still competes with its siblings.

    Parameters
    ----------
    score
        Rows x labels.
    supported
        Which labels have support, rows x labels.
    parent
        Position of the next coarser label, ``NONE`` for the coarsest.
    min_score
        Evidence that a label needs.
    min_margin
        By how much a finer label has to exceed its best sibling.
    lineage
        The coarsest label of each row, or ``NONE``, if it is known; only finer labels are then chosen here.
    closest
        The best label of rows for which none is chosen; ``None`` takes the one with the largest score.
    """
    rows, n = np.arange(len(score)), score.shape[1]
    below = _descendants(parent)
    whole = _upwards(score, below)
    evidence = _upwards(np.where(supported, score, -np.inf), below)
    label = np.full(len(score), NONE) if lineage is None else lineage.copy()
    at = label.copy()
    moving = np.ones(len(score), dtype=bool) if lineage is None else lineage != NONE
    while moving.any():
        moved = np.zeros(len(score), dtype=bool)
        for place in np.unique(at[moving]):
            children = np.flatnonzero(parent == place)
            here = np.flatnonzero(moving & (at == place))
            if not len(children):
                continue
            found, rivals = evidence[np.ix_(here, children)], whole[np.ix_(here, children)]
            first = found.argmax(axis=1)
            own = np.arange(len(here)), first
            largest = found[own]
            rivals[own] = -np.inf
            # the coarsest labels need no margin, and an only child has no siblings to beat
            needed = 0 if place == NONE else min_margin + np.clip(rivals.max(axis=1), 0, None)
            wins = (largest >= min_score) & (largest >= needed)
            label[here[wins]] = children[first[wins]]
            moved[here[wins]] = True
        at, moving = label, moved
    best = np.where(label == NONE, score.argmax(axis=1) if closest is None else closest, label)
    related = below | below.T | np.eye(n, dtype=bool)
    rivals = np.where(related[best], -np.inf, score)
    second = rivals.argmax(axis=1)
    has_second = np.isfinite(rivals[rows, second])
    return Choice(
        label,
        whole[rows, best],
        np.where(has_second, second, NONE),
        np.where(has_second, rivals[rows, second], 0),
        best,
    )


def best_within(score: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Return the largest score of each label and all finer ones, rows x labels."""
    return _upwards(score, _descendants(parent))


def is_within(parent: np.ndarray) -> np.ndarray:
    """Whether the label of a column is that of a row or a finer one."""
    return _descendants(parent) | np.eye(len(parent), dtype=bool)


def mean_along_path(values: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Return the mean of each label and all coarser ones, rows x labels."""
    path = is_within(parent)
    return values @ path / path.sum(axis=0)


def _descendants(parent: np.ndarray) -> np.ndarray:
    """Whether the label of a column is finer than that of a row, at any distance; no label is finer than itself."""
    n = len(parent)
    below = np.zeros((n, n), dtype=bool)
    for label in range(n):
        at, steps = parent[label], 0
        while at != NONE:
            below[at, label] = True
            at, steps = parent[at], steps + 1
            if steps > n:
                msg = f"The hierarchy of labels has a cycle at label {label}."
                raise ValueError(msg)
    return below


def _upwards(score: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the largest score of each label and all finer ones."""
    result = score.copy()
    for label, finer in enumerate(below):
        if finer.any():
            result[:, label] = np.maximum(score[:, label], score[:, finer].max(axis=1))
    return result
