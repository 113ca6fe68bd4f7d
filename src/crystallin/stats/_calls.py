"""The decision on a difference: called up, called down, or not called and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# a difference is called at most at this level, and in an ensemble if at least this share of the fits find it
LEVEL, STEADY_FROM = 0.05, 0.8
# shares are rounded when they are stored
ROUNDING = 1e-9
UP, DOWN = "up", "down"
# reasons for not calling a difference, of which the first that applies is given
UNTESTED = "not tested"
UNCERTAIN = f"q > {LEVEL:g}"
RANDOM = "random sets differ as much"
EXPLAINED = "explained by better known programs"
UNSTEADY = "not found by other fits"


def calls(columns: Mapping[str, np.ndarray], before: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Decide which differences are called, and in which direction.

    A difference is called if all tests that were made of it agree at the level of .05: the difference itself, more than
    that of random sets, given the better known programs, and found by four of five fits.

    Parameters
    ----------
    columns
        ``effect`` and ``q``; where there are such tests, also ``decoy_q`` (all NaN without decoys), ``conditional_q``,
        and ``share_of_fits``. Arrays of equal length, or a data frame.
    before
        How the names of the columns begin: ``"total_"`` for the total activity.

    Returns
    -------
    The decisions, ``"up"``, ``"down"`` or empty, and the reasons for those that are empty, else empty.
    """
    q = _array(columns, f"{before}q")
    failed = {UNTESTED: np.isnan(q), UNCERTAIN: ~(q <= LEVEL)}
    for reason, name in ((RANDOM, "decoy_q"), (EXPLAINED, "conditional_q")):
        if f"{before}{name}" in columns:
            other = _array(columns, f"{before}{name}")
            # a test that was made of no program fails none
            failed[reason] = ~(other <= LEVEL) & ~np.isnan(other).all()
    if f"{before}share_of_fits" in columns:
        failed[UNSTEADY] = ~(_array(columns, f"{before}share_of_fits") >= STEADY_FROM - ROUNDING)
    reasons = np.full(len(q), "", dtype=object)
    for why, where in reversed(failed.items()):
        reasons[where] = why
    direction = np.where(_array(columns, f"{before}effect") < 0, DOWN, UP).astype(object)
    return np.where(reasons == "", direction, ""), reasons


def _array(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    return np.asarray(columns[name], dtype=float)
