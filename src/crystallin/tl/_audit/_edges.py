"""The table of edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from ._verdict import CONTRADICTS, KEPT, MAX_LISTED, MEMBER, MISSING, POSSIBLE, SILENT, SUGGESTED, Judged

if TYPE_CHECKING:
    from crystallin.model import EdgeEvidence

# level of the intervals, and one-sided level at which a half of the cells confirms a loading
WIDTH, CONFIRMED = float(norm.ppf(0.975)), float(norm.ppf(0.95))
# a program competes for a gene if its score is at least this share of the other's
MIN_COMPETING = 0.5


def edges_of(
    judged: Judged,
    evidence: EdgeEvidence,
    *,
    fdr: float,
    half: np.ndarray,
    are_samples: bool,
    degree: np.ndarray,
) -> pd.DataFrame:
    """Return one row for each member, and for each missing gene that came near a call.

    Parameters
    ----------
    judged, evidence
        Results.
    fdr
        False discovery rate of suggestions.
    half
        Half, 0 or 1, to which each part of the cells belongs.
    are_samples
        Whether the parts are samples.
    degree
        Number of sets of the collection that contain each gene.
    """
    program, gene = np.nonzero(judged.direction)
    verdict = np.where(
        judged.kept[program, gene], KEPT, np.where(judged.contradicts[program, gene], CONTRADICTS, SILENT)
    )
    of_members = _rows(judged, evidence, program, gene, MEMBER).assign(
        verdict=verdict,
        score=judged.member_score[program, gene],
        q=judged.member_q[program, gene],
        replicated=False,
        n_samples=0,
        n_agree=0,
        competitor="",
        degree=degree[gene],
    )
    program, gene = judged.missing(MAX_LISTED)
    replicated, n_samples, n_agree = _replication(judged, program, gene, half, are_samples)
    q = judged.q[program, gene]
    called = (q <= fdr) & ((n_samples == 0) | (2 * n_agree > n_samples))
    of_missing = _rows(judged, evidence, program, gene, MISSING).assign(
        verdict=np.where(called, SUGGESTED, POSSIBLE),
        score=judged.score[program, gene],
        q=q,
        replicated=replicated,
        n_samples=n_samples,
        n_agree=n_agree,
        competitor=_competitors(judged, evidence, program, gene),
        degree=degree[gene],
    )
    # pandas cannot tell the types of a table without rows
    table = pd.concat([of_members, of_missing], ignore_index=True) if len(of_missing) else of_members
    table["stability"] = np.nan
    order = table.assign(place=table["program"].map({name: i for i, name in enumerate(_names(judged, evidence))}))
    order = order.sort_values(["place", "kind", "score"], ascending=[True, True, False], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _names(judged: Judged, evidence: EdgeEvidence) -> np.ndarray:
    return evidence.programs[judged.positions]


def _rows(judged: Judged, evidence: EdgeEvidence, program: np.ndarray, gene: np.ndarray, kind: str) -> pd.DataFrame:
    loading, sd, typical = judged.loading[program, gene], judged.sd[program, gene], judged.typical[program]
    # members in the direction of the set, and others in their own
    direction = judged.direction[program, gene]
    sign = np.where(direction == 0, np.sign(loading), direction)
    return pd.DataFrame(
        {
            "program": _names(judged, evidence)[program].astype(object),
            "gene": evidence.genes[gene].astype(object),
            "kind": kind,
            "verdict": "",
            "loading": loading,
            "sd": sd,
            "lower": loading - WIDTH * sd,
            "upper": loading + WIDTH * sd,
            "ratio": np.divide(sign * loading, typical, out=np.full(len(loading), np.nan), where=typical > 0),
            "weight": sign.astype(float),
            "expression": evidence.expression[gene],
            "in_panel": evidence.in_panel[gene],
        }
    )


def _replication(
    judged: Judged, program: np.ndarray, gene: np.ndarray, half: np.ndarray, are_samples: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return whether edges hold in both halves, in how many samples there are data, and in how many they agree."""
    none = np.zeros(len(program), dtype=int)
    if not len(program):
        return none.astype(bool), none, none
    row = judged.row[program, gene]
    information = judged.information[row]
    oriented = np.where(information > 0, judged.of_parts[row], 0) * np.sign(judged.loading[program, gene])[:, None]
    replicated = np.ones(len(program), dtype=bool)
    for number in np.unique(half):
        told = information[:, half == number]
        # the mean of the parts, weighted by their information, in standard deviations
        replicated &= (oriented[:, half == number] * told).sum(axis=1) > CONFIRMED * np.sqrt(told.sum(axis=1))
    if not are_samples:
        return replicated, none, none
    return replicated, (information > 0).sum(axis=1), ((information > 0) & (oriented > 0)).sum(axis=1)


def _competitors(judged: Judged, evidence: EdgeEvidence, program: np.ndarray, gene: np.ndarray) -> np.ndarray:
    """Return the other audited program that a gene follows best, if it does so nearly as well; or an empty text."""
    found = np.full(len(program), "", dtype=object)
    if not len(program) or len(judged.positions) < 2:
        return found
    names = _names(judged, evidence)
    score = np.nan_to_num(judged.score[:, gene], nan=-np.inf)
    score[program, np.arange(len(program))] = -np.inf
    best = score.argmax(axis=0)
    near = score[best, np.arange(len(program))] >= MIN_COMPETING * judged.score[program, gene]
    found[near] = names[best[near]]
    return found
