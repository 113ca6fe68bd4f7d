"""Split of the cells into those to learn from and those to test on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """A split of the cells.

    Attributes
    ----------
    learned
        Cells to learn from.
    weight
        Number of cells that each of them represents.
    unit
        Sample of each of them, or the cell itself without samples; counted from 0.
    held_out
        Cells to test on.
    held_out_samples
        Samples to test on; empty without samples.
    """

    learned: np.ndarray
    weight: np.ndarray
    unit: np.ndarray
    held_out: np.ndarray
    held_out_samples: list[str]


def parts_of(
    group: np.ndarray, sample: np.ndarray | None, held_out: float, max_learned: int, rng: np.random.Generator
) -> Part:
    """Hold out a share of each group's cells, or of the samples; learn from at most ``max_learned`` cells.

    Parameters
    ----------
    group
        Group of each cell, from 0.
    sample
        Sample of each cell, if whole samples are to be held out.
    """
    names: list[str] = []
    if sample is None:
        tested = np.zeros(len(group), dtype=bool)
        for g in range(group.max() + 1):
            cells = rng.permutation(np.flatnonzero(group == g))
            tested[cells[: round(held_out * len(cells))]] = True
    else:
        known = np.unique(sample)
        if len(known) < 2:
            msg = f"sample_key has only one sample, {str(known[0])!r}, so none can be held out. Leave sample_key out."
            raise ValueError(msg)
        n = min(max(round(held_out * len(known)), 1), len(known) - 1)
        names = sorted(str(name) for name in rng.permutation(known)[:n])
        tested = np.isin(sample, names)
    if not tested.any() or tested.all():
        msg = f"held_out={held_out:g} of {len(group)} cells leaves no cells to test on, or to learn from; change it."
        raise ValueError(msg)
    to_learn = np.where(tested, -1, group)
    size = np.bincount(to_learn[to_learn >= 0], minlength=group.max() + 1)
    limit = _even_limit(size, max_learned)
    learned = np.concatenate([rng.permutation(np.flatnonzero(to_learn == g))[:limit] for g in range(len(size))])
    learned = np.sort(learned)
    taken = np.minimum(size, limit)
    weight = (size / np.fmax(taken, 1))[group[learned]]
    units = np.arange(len(learned)) if sample is None else np.unique(sample[learned], return_inverse=True)[1]
    return Part(learned, weight, units, np.flatnonzero(tested), names)


def resampled(part: Part, rng: np.random.Generator) -> np.ndarray:
    """Draw a bootstrap sample of the units, and return the weights of the cells to learn from."""
    n = part.unit.max() + 1
    return part.weight * np.bincount(rng.integers(n, size=n), minlength=n)[part.unit]


def _even_limit(size: np.ndarray, total: int) -> int:
    """Return the largest number of cells per group with which all groups do not exceed ``total``; at least 20."""
    limits = np.unique([20, *size])
    fits = [limit for limit in limits if np.minimum(size, limit).sum() <= total]
    if len(fits) == len(limits):
        return int(size.max())
    below = fits[-1] if fits else 20
    open_groups = size > below
    spare = (total - np.minimum(size, below).sum()) // max(int(open_groups.sum()), 1)
    return max(int(below + max(spare, 0)), 20)
