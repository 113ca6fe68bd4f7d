"""Random genes that match those of a set, for decoys in data and in simulations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# a gene is replaced by one that is at most this many ranks away in abundance
MIN_WINDOW = 25
WINDOW_SHARE = 0.025


def matched_genes(members: np.ndarray, by_abundance: np.ndarray, draw: Callable[[np.ndarray], int]) -> np.ndarray:
    """Return, for each member, a distinct gene outside the set of nearly the same abundance.

    Parameters
    ----------
    members
        Positions of a set's genes, at most half of all.
    by_abundance
        Positions of all genes in the order of their abundance.
    draw
        Function that chooses one of the positions of the candidate genes.
    """
    n_genes = len(by_abundance)
    rank = np.empty(n_genes, dtype=int)
    rank[by_abundance] = np.arange(n_genes)
    free = np.ones(n_genes, dtype=bool)
    free[members] = False
    drawn = np.empty(len(members), dtype=int)
    for i, member in enumerate(members):
        window = max(MIN_WINDOW, int(WINDOW_SHARE * n_genes))
        candidates = np.empty(0, dtype=int)
        while not len(candidates):
            near = by_abundance[max(rank[member] - window, 0) : rank[member] + window + 1]
            candidates = near[free[near]]
            window *= 2
        drawn[i] = draw(candidates)
        free[drawn[i]] = False
    return drawn


def dealt_evenly(n: int, n_templates: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n`` random templates, none of them twice before all are used once."""
    rounds = -(-n // n_templates)
    return np.concatenate([np.empty(0, dtype=int), *(rng.permutation(n_templates) for _ in range(rounds))])[:n]
