"""False discovery rates of results that can only be positive, from those that are as negative."""

from __future__ import annotations

import numpy as np


def mirror_q(score: np.ndarray, mirrored: np.ndarray, *, extra: int = 1) -> np.ndarray:
    """Return q values of scores above 0 from the scores that the same values would have with the other sign.

    If a value that means nothing is as often above 0 as below, then as many of them exceed a threshold as mirrored ones
    do. So the share of false discoveries above it is at most one plus the number of mirrored scores above it, divided
    by the number of scores (the "knockoff+" estimate of Barber & Candès 2015, Ann Stat 43:2055; Elias & Gygi 2007, Nat
    Methods 4:207). Scores of 0 or less, and NaN, have a q of 1.

    The one in the numerator (``extra``) makes the rate hold for any number of scores, but with it no fewer than ten can
    be called at a rate of 10 %. With ``extra=0`` it holds for many scores only.
    """
    q = np.ones(score.shape)
    positive = score > 0
    found = score[positive]
    null = np.sort(mirrored[mirrored > 0])
    order = np.argsort(-found, kind="stable")
    n_null = len(null) - np.searchsorted(null, found[order], side="left")
    # scores that are equal are called together
    n_found = np.searchsorted(-found[order], -found[order], side="right")
    rate = np.minimum((extra + n_null) / n_found, 1)
    ordered = np.empty(len(found))
    ordered[order] = np.minimum.accumulate(rate[::-1])[::-1]
    q[positive] = ordered
    return q
