"""Which sets are awake: their coherence against random sets, and what to say of those that sleep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from crystallin import stats
from crystallin.programs import DegreePool, exchanged, expression_classes, strata_of

# members that a set must have among the genes that are expressed enough
MIN_MEMBERS = 3
# columns of a question that are stored, by what Screened calls them
COLUMNS = {"coherence": "coherence", "null": "coherence_null", "z": "coherence_z", "carriers": "n_carriers"}
# what is added to these names where cells are compared within types
WITHIN = "_within"


@dataclass(frozen=True)
class Screened:
    """One question put to all sets: do their members move together between these cells?

    Attributes
    ----------
    coherence
        Mean correlation of the members, sets in order; NaN where too few are expressed.
    null, z
        Mean coherence of random sets in its place, and by how many of their standard deviations it is above them; of
        the two kinds of random sets the one that is nearer to the set.
    carriers
        Effective number of members that carry the coherence.
    p
        P value, the larger one of both kinds of random sets.
    """

    coherence: np.ndarray
    null: np.ndarray
    z: np.ndarray
    carriers: np.ndarray
    p: np.ndarray

    def columns(self, suffix: str) -> pd.DataFrame:
        """What is stored of it, sets in order."""
        return pd.DataFrame({f"{column}{suffix}": getattr(self, name) for name, column in COLUMNS.items()})


def screen(
    sets: sparse.csr_matrix, vectors: np.ndarray, expression: np.ndarray, *, n_null: int, rng: np.random.Generator
) -> Screened:
    """Test the coherence of sets against two kinds of random sets.

    One kind puts in the place of each gene a gene of the same class of expression that is in about as many sets; the
    other deals the memberships of the whole collection anew, so that each gene stays in as many sets and each set keeps
    its number of genes of each class. A set is as surprising as the less surprising of both tests says.

    Parameters
    ----------
    sets
        Sets x genes, +1 and -1; genes that are expressed enough.
    vectors
        See :func:`crystallin.stats.correlation_vectors`.
    expression
        Mean expression of each gene.
    n_null
        Number of random sets of each kind and program at most; see :func:`crystallin.stats.sequential_permutation`.
    """
    coherence = stats.coherence(sets, vectors)
    coherence[np.diff(sets.indptr) < MIN_MEMBERS] = np.nan
    strata, pool = strata_of(sets, expression), DegreePool(sets, expression_classes(expression))

    def in_their_place(positions: np.ndarray) -> np.ndarray:
        some, place = sets[positions], exchanged(strata, rng)
        return stats.coherence(
            sparse.csr_matrix((some.data, place[some.indices], some.indptr), shape=some.shape), vectors
        )

    def dealt_anew(positions: np.ndarray) -> np.ndarray:
        return stats.coherence(pool.draw(positions, rng), vectors)

    tests = [stats.sequential_permutation(coherence, draw, n_max=n_null) for draw in (in_their_place, dealt_anew)]
    p, means, sds = (np.array([getattr(test, name) for test in tests]) for name in ("p", "mean", "sd"))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (coherence - means) / sds
    nearer = np.argmin(np.nan_to_num(z, nan=np.inf), axis=0)
    pick = (nearer, np.arange(len(nearer)))
    return Screened(coherence, means[pick], z[pick], stats.n_carriers(sets, vectors), p.max(axis=0))


def verdict(questions: list[Screened], n_measured: np.ndarray, n_members: np.ndarray, fdr: float) -> pd.DataFrame:
    """Columns ``n_measured``, ``q_awake``, ``awake`` and ``asleep``, why a set is not awake.

    Of several questions a set has to answer one: its p is the smallest times their number (Bonferroni).
    """
    p = np.array([question.p for question in questions])
    tested = np.isfinite(p).all(axis=0)
    combined = np.minimum(p.min(axis=0, initial=1, where=np.isfinite(p)) * len(questions), 1)
    q = np.full(len(tested), np.nan)
    q[tested] = stats.benjamini_hochberg(combined[tested])
    awake = np.nan_to_num(q, nan=1) <= fdr
    why = [
        ""
        if is_awake
        else f"its genes move together no more than those of random sets (q = {of_set:.2g})"
        if is_tested
        else f"{measured} of its {members} genes are expressed enough"
        for is_awake, is_tested, of_set, measured, members in zip(awake, tested, q, n_measured, n_members, strict=True)
    ]
    return pd.DataFrame({"n_measured": n_measured, "q_awake": q, "awake": awake, "asleep": why})
