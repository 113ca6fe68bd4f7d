"""Labels of single cells from those of their groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from crystallin.stats import NONE

from ._markers import UNASSIGNED, Markers

# cells of each group that say what the group is like; cells classified at a time
MAX_CELLS, CHUNK = 1_000, 50_000


def own_labels(
    activity: np.ndarray,
    group: np.ndarray,
    labels: Sequence[str],
    known: Markers,
    min_probability: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Each cell's own label, and its posterior probability; see :func:`crystallin.tl.annotate`."""
    names, probability = cell_probabilities(activity, group, labels, rng)
    places = {name: i for i, name in enumerate(known.names)}
    paths = [known.path(places.get(name, NONE)) for name in names]
    own, sure = finest_sure(probability, names, paths, min_probability)
    return np.where(own == "", UNASSIGNED, own).astype(str), sure


def cell_probabilities(
    activity: np.ndarray, group: np.ndarray, labels: Sequence[str], rng: np.random.Generator
) -> tuple[list[str], np.ndarray]:
    """Posterior probability of each label in each cell, cells x labels, and the labels.

    A linear discriminant over all programs with a shrunken covariance (Ledoit & Wolf 2004, J Multivar Anal 88:365),
    one class for each group, as groups of one label need not be alike; groups' probabilities are added to their
    labels'. Groups are as likely beforehand as they have cells.

    Parameters
    ----------
    activity
        Cells x programs.
    group
        Group of each cell, from 0.
    labels
        Label of each group.
    rng
        Source of random numbers, for the cells that are learned from.
    """
    size = np.bincount(group)
    learned = [rng.permutation(np.flatnonzero(group == g))[:MAX_CELLS] for g in range(len(size))]
    cells = np.concatenate(learned)
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=size / size.sum())
    classifier.fit(activity[cells].astype(float), group[cells])
    names = list(dict.fromkeys(labels))
    belongs = np.array([[label == name for name in names] for label in labels], dtype=float)
    # in double precision, chunk by chunk
    chunks = (activity[start : start + CHUNK].astype(float) for start in range(0, len(activity), CHUNK))
    parts = [classifier.predict_proba(chunk) @ belongs for chunk in chunks]
    return names, np.concatenate(parts)


def finest_sure(
    probability: np.ndarray, labels: Sequence[str], paths: Sequence[Sequence[str]], min_probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """The finest label that is probable enough in each cell, else an empty one, and its probability.

    A coarser label is as probable as itself and all finer ones together: a cell that could be a naive or a memory T
    cell is a T cell.

    Parameters
    ----------
    probability
        Cells x labels.
    labels
        Their names.
    paths
        For each label itself and all coarser ones, from the coarsest; empty for what is no label.
    min_probability
        Least probability.
    """
    depth = {name: place for path in paths for place, name in enumerate(path)}
    nodes = list(depth)
    within = np.array([[name in path for name in nodes] for path in paths], dtype=float).reshape(len(labels), -1)
    of_node = probability @ within
    enough = (of_node >= min_probability) & (of_node > 0)
    # the deepest first, and of those as deep the most probable; a probability is at most 1
    rank = np.where(enough, np.array([depth[name] for name in nodes]) + of_node / 2, -1.0)
    rank = np.column_stack([rank, np.full(len(rank), -0.5)])
    best = rank.argmax(axis=1)
    none = best == len(nodes)
    names = np.array([*nodes, ""], dtype=object)[best]
    sure = np.column_stack([of_node, np.zeros(len(rank))])[np.arange(len(rank)), best]
    return names, np.where(none, probability.max(axis=1), sure)
