"""Stored activities of the refits of an ensemble."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from crystallin._store import CHUNK_ROWS, RowSource


def stability(first: RowSource, refits: RowSource) -> np.ndarray:
    """Return the mean correlation over cells between the activities of the first fit and of each refit, by program.

    It is NaN for a program whose activity is the same in all cells of either fit.

    Parameters
    ----------
    first
        Means of the first fit, cells x programs.
    refits
        Means of the refits, cells x refits x programs.
    """
    n = first.shape[0]
    # two passes, because sums of squares of values with a large mean lose their digits
    centre = sum(a.sum(axis=0) for a, _ in _blocks(first, refits)) / n
    centres = sum(b.sum(axis=0) for _, b in _blocks(first, refits)) / n
    own = others = shared = 0.0
    for a, b in _blocks(first, refits):
        a, b = a - centre, b - centres
        own = own + np.square(a).sum(axis=0)
        others = others + np.square(b).sum(axis=0)
        shared = shared + np.einsum("cp,crp->rp", a, b)
    size = np.sqrt(own * others)
    return np.divide(shared, size, out=np.full_like(size, np.nan), where=size > 0).mean(axis=0)


def _blocks(first: RowSource, refits: RowSource) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, first.shape[0], CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        yield first[part].astype(float), refits[part].astype(float)
