"""Scores, error rates and verdicts of all edges between the audited programs and the genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.stats import norm

from crystallin import stats

from ._programs import auditable, reasons, typical_loadings

if TYPE_CHECKING:
    from crystallin.model import EdgeEvidence

MEMBER, MISSING = "member", "missing"
KEPT, SILENT, CONTRADICTS = "kept", "silent", "contradicts"
SUGGESTED, POSSIBLE = "suggested", "possible"
# a gene is expressed enough with so many counts in all cells
MIN_COUNTS = 10
# edges are looked at more closely, and listed, up to this q value
MAX_LISTED = 0.5


@dataclass
class Judged:
    """Loadings and scores of audited programs x genes.

    Attributes
    ----------
    positions
        Position of each audited program among those of the model.
    direction
        Sign of each member, 0 for other genes.
    orientation
        Direction of missing members, 1 or -1; 0 for sets with members of both directions.
    loading, sd
        Loadings without what other programs cast on them, and their standard deviations with what is left by chance.
    typical
        Typical loading of each program's members.
    reason
        Why no missing members are sought; may be empty.
    score, mirrored
        By how many standard deviations a loading exceeds the smallest that counts, and by how many its opposite would;
        NaN of members and of genes that are no candidates.
    q
        q value of missing members; 1 of edges that are not looked at closely.
    member_score, member_q, kept, contradicts
        Loading in standard deviations, q value and verdicts of members.
    row
        Row of each edge that was looked at closely in ``of_parts``, else -1.
    of_parts, information
        Loadings in parts of the cells, without what other programs cast on them, and the inverse of their variances,
        edges x parts.
    """

    positions: np.ndarray
    direction: np.ndarray
    orientation: np.ndarray
    loading: np.ndarray
    sd: np.ndarray
    typical: np.ndarray
    reason: list[str]
    score: np.ndarray
    mirrored: np.ndarray
    q: np.ndarray
    member_score: np.ndarray
    member_q: np.ndarray
    kept: np.ndarray
    contradicts: np.ndarray
    row: np.ndarray
    of_parts: np.ndarray
    information: np.ndarray

    def missing(self, max_q: float) -> tuple[np.ndarray, np.ndarray]:
        """Return program and gene of the edges with a q value up to ``max_q``, the best first in each program."""
        program, gene = np.nonzero(self.q <= max_q)
        order = np.lexsort((-self.score[program, gene], program))
        return program[order], gene[order]


def judge(
    evidence: EdgeEvidence,
    positions: np.ndarray,
    direction: np.ndarray,
    candidates: np.ndarray,
    *,
    part: np.ndarray,
    min_loading: float,
    fdr: float,
) -> Judged:
    """Score all edges, and decide which missing and present members the error rate allows to call.

    Parameters
    ----------
    evidence
        Loadings of all edges.
    positions, direction
        Positions of the audited programs, and the sign of each member, audited programs x genes.
    candidates
        Which genes may be missing members.
    part
        Part of each of the cells that were used, from 0; -1 for cells of none.
    min_loading
        Smallest loading that counts, in units of the typical loading.
    fdr
        False discovery rate of members' verdicts.
    """
    loading, sd = (values[positions].astype(float) for values in (evidence.loadings, evidence.sd))
    typical = typical_loadings(loading, sd, direction)
    loadings = sparse.csr_matrix(evidence.model_loadings.T)
    every = np.arange(loadings.shape[1])
    for i, position in enumerate(positions):
        others = loadings[:, every != position]
        loading[i], sd[i] = stats.without_background(loading[i], sd[i], others, direction[i] != 0)
    smallest = min_loading * np.maximum(typical, 0)[:, None]
    up, down = (direction > 0).any(axis=1), (direction < 0).any(axis=1)
    orientation = np.where(up & down, 0, np.where(up, 1, -1))
    member_score, follows, against = _members(loading * direction, sd, direction != 0, smallest)
    kept = follows <= fdr
    why = reasons(evidence, positions, typical, kept.sum(axis=1))
    # what is not known to be active cannot be contradicted
    contradicts = (against <= fdr) & ~kept & auditable(why)[:, None]
    sought = (direction == 0) & candidates & (evidence.expression * len(evidence.cells) >= MIN_COUNTS)
    sought &= auditable(why)[:, None]
    judged = Judged(
        positions=positions,
        direction=direction,
        orientation=orientation,
        loading=loading,
        sd=sd,
        typical=typical,
        reason=why,
        score=np.where(sought, 0.0, np.nan),
        mirrored=np.where(sought, 0.0, np.nan),
        q=np.ones(loading.shape),
        member_score=member_score,
        member_q=np.where(contradicts, against, follows),
        kept=kept,
        contradicts=contradicts,
        row=np.full(loading.shape, -1),
        of_parts=np.zeros((0, 0)),
        information=np.zeros((0, 0)),
    )
    _score(judged, smallest)
    _decide(judged)
    near = judged.q <= MAX_LISTED
    if near.any():
        _look_closely(judged, evidence, near, part)
        _score(judged, smallest)
        _decide(judged)
        judged.q[~near] = 1
    return judged


def _look_closely(judged: Judged, evidence: EdgeEvidence, near: np.ndarray, part: np.ndarray) -> None:
    """Replace the standard deviations of likely edges and of their mirror images, which are approximate until then."""
    program, gene = np.nonzero(near | (judged.mirrored >= judged.score[near].min()))
    positions = judged.positions[program]
    exact, of_parts, sds = evidence.of_edges(positions, gene, part, int(part.max()) + 1)
    approximate, raw = evidence.sd[positions, gene], evidence.loadings[positions, gene]
    judged.sd[program, gene] = np.sqrt(np.maximum(judged.sd[program, gene] ** 2 - approximate**2, 0) + exact**2)
    judged.row[program, gene] = np.arange(len(program))
    # the background is the same in all parts
    judged.of_parts = of_parts - (raw - judged.loading[program, gene])[:, None]
    judged.information = 1 / np.square(sds)


def _score(judged: Judged, smallest: np.ndarray) -> None:
    sought = ~np.isnan(judged.score)
    oriented = np.where(judged.orientation[:, None] == 0, np.abs(judged.loading), judged.loading)
    oriented = oriented * np.where(judged.orientation == 0, 1, judged.orientation)[:, None]
    judged.score = np.where(sought, (oriented - smallest) / judged.sd, np.nan)
    # sets with members of both directions have no mirror image
    mirrored = np.where(judged.orientation[:, None] == 0, -np.inf, (-oriented - smallest) / judged.sd)
    judged.mirrored = np.where(sought, mirrored, np.nan)


def _decide(judged: Judged) -> None:
    """Write q values of missing members."""
    sought = ~np.isnan(judged.score)
    unsigned = sought & (judged.orientation != 0)[:, None]
    if unsigned.any():
        judged.q[unsigned] = _mirror_or_tail(judged.score[unsigned], judged.mirrored[unsigned])
    signed = sought & ~unsigned
    if signed.any():
        # in either direction, a normal null distribution takes the place of the mirror image
        judged.q[signed] = stats.benjamini_hochberg(np.minimum(2 * norm.sf(judged.score[signed]), 1))


def _mirror_or_tail(score: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Return q values from mirror images.

    With few suggestions the finite-sample correction of the mirror estimate decides alone, and less than ten could
    never be called at 10 %. Instead of it, the tail of the normal distribution may then vouch for them, if the plain
    mirror estimate agrees.
    """
    plain, tail = stats.mirror_q(score, mirrored, extra=0), stats.benjamini_hochberg(norm.sf(score))
    return np.minimum(stats.mirror_q(score, mirrored), np.maximum(plain, tail))


def _members(
    oriented: np.ndarray, sd: np.ndarray, is_member: np.ndarray, smallest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores of members, and q values that they follow their program and that they do not; else 1."""
    score, follows, against = oriented / sd, np.ones(sd.shape), np.ones(sd.shape)
    follows[is_member] = stats.benjamini_hochberg(norm.sf(score[is_member]))
    against[is_member] = stats.benjamini_hochberg(norm.sf(((smallest - oriented) / sd)[is_member]))
    return score, follows, against
