"""Do the members of a set move together?"""

from __future__ import annotations

import numpy as np
from scipy import sparse

# values of members' vectors held at a time
MAX_VALUES = 2**24


def coherence(sets: sparse.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """Mean correlation of each set's members with each other; NaN of sets with fewer than two members.

    With the members' vectors of length 1 the sum over all pairs is the squared length of their sum, less that of each
    alone. So it costs as much as one sparse product, however many pairs there are.

    Parameters
    ----------
    sets
        Sets x genes: +1 and -1 for members, by the direction in which they move with the set.
    vectors
        Genes x dimensions, see :func:`correlation_vectors`.
    """
    size = np.diff(sets.indptr)
    together = sets @ vectors
    alone = abs(sets) @ np.einsum("gd,gd->g", vectors, vectors)
    pairs = np.einsum("pd,pd->p", together, together) - alone
    n_pairs = size * (size - 1)
    return np.divide(pairs, n_pairs, out=np.full(len(size), np.nan), where=n_pairs > 0)


def n_carriers(sets: sparse.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """Effective number of members that carry a set's coherence, from 0 to its size.

    A member's part is its mean correlation with the others. The effective number is the participation ratio of the
    parts that are positive: two genes of forty that move together give 2, forty that do so alike give 40.
    """
    together = sets @ vectors
    row = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    parts = np.zeros(sets.nnz)
    step = max(1, MAX_VALUES // vectors.shape[1])
    for first in range(0, sets.nnz, step):
        edges = slice(first, first + step)
        of_member = vectors[sets.indices[edges]] * sets.data[edges, None]
        parts[edges] = np.einsum("md,md->m", of_member, together[row[edges]] - of_member)
    parts = np.maximum(parts, 0)
    # of nothing, bincount returns integers
    total, squares = (np.bincount(row, values, sets.shape[0]).astype(float) for values in (parts, parts**2))
    return np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
