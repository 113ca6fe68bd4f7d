"""Labels of single cells from those of their groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

# cells of each group that say what the group is like; cells classified at a time
MAX_CELLS, CHUNK = 1_000, 50_000


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
    classifier.fit(activity[cells], group[cells])
    names = list(dict.fromkeys(labels))
    belongs = np.array([[label == name for name in names] for label in labels], dtype=float)
    parts = [
        classifier.predict_proba(activity[start : start + CHUNK]) @ belongs for start in range(0, len(activity), CHUNK)
    ]
    return names, np.concatenate(parts)
