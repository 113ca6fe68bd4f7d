"""Which sets are awake: their coherence against random sets, and what to say of those that sleep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from crystallin import stats
from crystallin._keys import AWAKE
from crystallin.programs import DegreePool, exchanged, expression_classes, kept_when_exchanged, strata_of

# members that a set must have among the genes that are expressed enough
MIN_MEMBERS = 3
# Members that random sets must replace on average. With fewer the test asks about a single gene, or the set itself is
# drawn so often that p is rarely below .01: of n + 2 genes, n can be chosen in (n + 1) (n + 2) / 2 ways. The share that
# stays does not say it alone: with 80 % of 30 members kept, genes that move together are still found.
MIN_REPLACED = 2
# programs that are named if none is awake
N_NEAREST = 3
# how the reason begins of sets to which the question cannot be put
NOT_TESTABLE = "not testable"
# share of a set's genes in random sets from which it is told: they then do in part what the set does
LARGE_SHARE = 0.5
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
        the two kinds of random sets the one that is nearer to the set. NaN of sets that are not tested.
    carriers
        Effective number of members that carry the coherence.
    p
        P value, the larger one of both kinds of random sets; NaN of sets that are not tested.
    share
        Share of its members that random sets contain on average, the larger one of both kinds; 0 where too few are
        expressed.
    """

    coherence: np.ndarray
    null: np.ndarray
    z: np.ndarray
    carriers: np.ndarray
    p: np.ndarray
    share: np.ndarray

    def columns(self, suffix: str) -> pd.DataFrame:
        """What is stored of it, sets in order."""
        return pd.DataFrame({f"{column}{suffix}": getattr(self, name) for name, column in COLUMNS.items()})


def screen(
    sets: sparse.csr_matrix, vectors: np.ndarray, expression: np.ndarray, *, n_null: int, rng: np.random.Generator
) -> Screened:
    """Test the coherence of sets against two kinds of random sets.

    One kind puts in the place of each gene a gene of the same class of expression that is in about as many sets; the
    other deals the memberships of the whole collection anew, so that each gene stays in as many sets and each set keeps
    its number of genes of each class. A set is as surprising as the less surprising of both tests says. A set that
    fills its classes has random sets that are nearly the set itself; it is not tested.

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
    size = np.diff(sets.indptr)
    coherence[size < MIN_MEMBERS] = np.nan
    strata, pool = strata_of(sets, expression), DegreePool(sets, expression_classes(expression))
    kept = np.maximum(kept_when_exchanged(sets, strata), pool.kept())
    # the expected number is a sum of fractions
    tested = np.where(size - kept > MIN_REPLACED - 1e-6, coherence, np.nan)

    def in_their_place(positions: np.ndarray) -> np.ndarray:
        some, place = sets[positions], exchanged(strata, rng)
        return stats.coherence(
            sparse.csr_matrix((some.data, place[some.indices], some.indptr), shape=some.shape), vectors
        )

    def dealt_anew(positions: np.ndarray) -> np.ndarray:
        return stats.coherence(pool.draw(positions, rng), vectors)

    tests = [stats.sequential_permutation(tested, draw, n_max=n_null) for draw in (in_their_place, dealt_anew)]
    p, means, sds = (np.array([getattr(test, name) for test in tests]) for name in ("p", "mean", "sd"))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (tested - means) / sds
    nearer = np.argmin(np.nan_to_num(z, nan=np.inf), axis=0)
    pick = (nearer, np.arange(len(nearer)))
    carriers = stats.n_carriers(sets, vectors)
    share = np.where(size < MIN_MEMBERS, 0, kept / np.maximum(size, 1))
    return Screened(coherence, means[pick], z[pick], carriers, p.max(axis=0), share)


def verdict(
    questions: list[Screened], n_measured: np.ndarray, n_members: np.ndarray, *, n_null: int, fdr: float
) -> pd.DataFrame:
    """Columns ``n_measured``, ``q_awake``, ``awake`` and ``asleep``, why a set is not awake.

    Of several questions a set has to answer one: its p is the smallest times the number of those that could be put to
    it (Bonferroni).
    """
    p = np.array([question.p for question in questions])
    n_answers = np.isfinite(p).sum(axis=0)
    tested = n_answers > 0
    smallest = p.min(axis=0, initial=1, where=np.isfinite(p))
    q = np.full(len(tested), np.nan)
    q[tested] = stats.benjamini_hochberg(np.minimum(smallest * n_answers, 1)[tested])
    awake = np.nan_to_num(q, nan=1) <= fdr
    share = np.max([question.share for question in questions], axis=0)
    at_floor = tested & (smallest <= 1 / (n_null + 1))
    # enough if half of these programs still exceed all random sets where there are more of them
    n_needed = np.ceil(len(questions) * tested.sum() / fdr * min(2 / max(at_floor.sum(), 1), 1))
    why = np.full(len(q), "", dtype=object)
    for i in np.flatnonzero(~awake):
        if at_floor[i]:
            why[i] = (
                f"its genes move together more than those of all {n_null} random sets, but these are too few for "
                f"{tested.sum()} programs, set n_null={n_needed:.0f} (q = {q[i]:.2g})"
            )
        elif tested[i]:
            also = f", which contain {100 * share[i]:.0f} % of its genes" if share[i] >= LARGE_SHARE else ""
            why[i] = f"its genes move together no more than those of random sets{also} (q = {q[i]:.2g})"
        else:
            why[i] = _not_testable(share[i], n_measured[i], n_members[i])
    return pd.DataFrame({"n_measured": n_measured, "q_awake": q, AWAKE: awake, "asleep": why})


def _not_testable(share: float, n_measured: int, n_members: int) -> str:
    """Why a set was not tested."""
    if n_measured < MIN_MEMBERS:
        return f"{NOT_TESTABLE}: {n_measured} of its {n_members} genes are expressed enough and vary"
    replaced = (1 - share) * n_measured
    which = f"all but {replaced:.1f} of its {n_measured} expressed genes" if replaced >= 0.05 else "all of its genes"
    return f"{NOT_TESTABLE}: random sets matched in expression and number of sets contain {which}"


def nearest(found: pd.DataFrame) -> str:
    """The programs that are nearest to being awake, and why the first is not.

    Parameters
    ----------
    found
        As returned by :func:`verdict`, by the programs' names.
    """
    rows = found.iloc[np.argsort(found["q_awake"].to_numpy(), kind="stable")[:N_NEAREST]]
    near = ", ".join(f"{name!r} (q = {q:.2g})" for name, q in rows["q_awake"].dropna().items())
    said = f"Nearest: {near}." if near else "None could be tested."
    return f"{said} {rows.index[0]!r}: {rows['asleep'].iloc[0]}."
