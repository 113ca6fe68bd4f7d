"""How probable a difference is, among many of which most may be none."""

from __future__ import annotations

import numpy as np
from scipy import stats

# pseudo-observations without a difference: what keeps the share of differences from being overestimated
NULL_WEIGHT = 10.0
GRID_STEP = np.sqrt(2.0)
MAX_ROUNDS = 500
SETTLED = 1e-4


def probability_beyond(
    effect: np.ndarray, se: np.ndarray, delta: np.ndarray, learn_from: np.ndarray | None = None
) -> np.ndarray:
    """Posterior probability that an effect is beyond ± ``delta`` on the side of its estimate.

    True effects are of a mixture of normal distributions around 0, of spreads on a grid and one of no spread, whose
    weights are learnt from all estimates (adaptive shrinkage; Stephens 2017, Biostatistics 18:275). Where few programs
    differ, a large estimate with a large standard error is then no sign of a difference.

    Parameters
    ----------
    effect, se
        Estimates and their standard errors, normal.
    delta
        Smallest effect of interest, of each.
    learn_from
        Which estimates the weights are learnt from; ``None`` for all.
    """
    learn_from = np.ones(len(effect), dtype=bool) if learn_from is None else learn_from
    if not learn_from.any():
        return np.full(len(effect), np.nan)
    spread = _grid(effect[learn_from], se[learn_from])
    weight = _weights(effect[learn_from], se[learn_from], spread)
    # of each estimate and component: how well it explains the estimate, and the posterior it gives
    log_likelihood = _log_likelihood(effect, se, spread) + np.log(np.maximum(weight, 1e-300))
    share = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    variance = spread**2 * se[:, None] ** 2 / (spread**2 + se[:, None] ** 2)
    mean = variance / se[:, None] ** 2 * np.abs(effect)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = stats.norm.cdf((mean - delta[:, None]) / np.sqrt(variance))
    # no spread: no effect
    beyond[:, spread == 0] = 0
    return np.clip((share * beyond).sum(axis=1), 0, 1)


def _grid(effect: np.ndarray, se: np.ndarray) -> np.ndarray:
    smallest = se.min() / 10
    largest = 2 * np.sqrt(max(float((effect**2 - se**2).max()), smallest**2))
    n = int(np.ceil(np.log(largest / smallest) / np.log(GRID_STEP)))
    return np.concatenate([[0.0], largest / GRID_STEP ** np.arange(n, -1, -1)])


def _weights(effect: np.ndarray, se: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Weights of the components, by expectation maximisation."""
    log_likelihood = _log_likelihood(effect, se, spread)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    penalty = np.zeros(len(spread))
    penalty[0] = NULL_WEIGHT
    weight = np.full(len(spread), 1 / len(spread))
    for _ in range(MAX_ROUNDS):
        share = weight * likelihood
        share /= share.sum(axis=1, keepdims=True)
        before, weight = weight, share.sum(axis=0) + penalty
        weight = weight / weight.sum()
        if np.abs(weight - before).max() < SETTLED:
            break
    return weight


def _log_likelihood(effect: np.ndarray, se: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return stats.norm.logpdf(effect[:, None], scale=np.sqrt(se[:, None] ** 2 + spread**2))
