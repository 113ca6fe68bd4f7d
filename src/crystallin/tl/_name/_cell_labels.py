"""Labels of single cells, learned from those of groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from crystallin._keys import UNASSIGNED
from crystallin.stats import NONE

from ._markers import Markers

# largest number of cells of each group to learn from; number of cells to classify at a time
MAX_CELLS, CHUNK = 1_000, 50_000


def own_labels(
    activity: np.ndarray,
    group: np.ndarray,
    labels: Sequence[str],
    known: Markers,
    min_probability: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each cell's own label and its posterior probability; see :func:`crystallin.tl.annotate`."""
    names, probability = cell_probabilities(activity, group, labels, rng)
    places = {name: i for i, name in enumerate(known.names)}
    paths = [known.path(places.get(name, NONE)) for name in names]
    own, sure = finest_sure(probability, names, paths, min_probability)
    return np.where(own == "", UNASSIGNED, own).astype(str), sure


def cell_probabilities(
    activity: np.ndarray, group: np.ndarray, labels: Sequence[str], rng: np.random.Generator
) -> tuple[list[str], np.ndarray]:
    """Return the labels, and the posterior probability of each label in each cell, cells x labels.

    The classifier is a linear discriminant over all programs with a shrunken covariance (Ledoit & Wolf 2004, J Multivar
    Anal 88:365). Each group is a class, because groups with the same label need not be similar; the probability of a
    label is the sum over its groups. Prior probabilities are proportional to the numbers of cells.

    Parameters
    ----------
    activity
        Cells x programs.
    group
        Group of each cell, from 0.
    labels
        Label of each group.
    rng
        Random number generator, to choose the cells to learn from.
    """
    size = np.bincount(group)
    learned = [rng.permutation(np.flatnonzero(group == g))[:MAX_CELLS] for g in range(len(size))]
    cells = np.concatenate(learned)
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=size / size.sum())
    classifier.fit(activity[cells].astype(float), group[cells])
    names = list(dict.fromkeys(labels))
    belongs = np.array([[label == name for name in names] for label in labels], dtype=float)
    # in chunks, to limit the memory for double precision
    chunks = (activity[start : start + CHUNK].astype(float) for start in range(0, len(activity), CHUNK))
    parts = [classifier.predict_proba(chunk) @ belongs for chunk in chunks]
    return names, np.concatenate(parts)


def finest_sure(
    probability: np.ndarray, labels: Sequence[str], paths: Sequence[Sequence[str]], min_probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the finest label that is probable enough in each cell, and its probability; empty if there is none.

    The probability of a coarser label is the sum over itself and all finer ones: a cell that may be a naive or a memory
    T cell is a T cell.

    Parameters
    ----------
    probability
        Cells x labels.
    labels
        Names of the labels.
    paths
        Each label and its coarser labels, from the coarsest; empty for ``"unassigned"``.
    min_probability
        Smallest probability of a label.
    """
    depth = {name: place for path in paths for place, name in enumerate(path)}
    nodes = list(depth)
    within = np.array([[name in path for name in nodes] for path in paths], dtype=float).reshape(len(labels), -1)
    of_node = probability @ within
    enough = (of_node >= min_probability) & (of_node > 0)
    # the deepest label ranks first, and the most probable among equally deep ones; a probability is at most 1
    rank = np.where(enough, np.array([depth[name] for name in nodes]) + of_node / 2, -1.0)
    rank = np.column_stack([rank, np.full(len(rank), -0.5)])
    best = rank.argmax(axis=1)
    none = best == len(nodes)
    names = np.array([*nodes, ""], dtype=object)[best]
    sure = np.column_stack([of_node, np.zeros(len(rank))])[np.arange(len(rank)), best]
    return names, np.where(none, probability.max(axis=1), sure)
