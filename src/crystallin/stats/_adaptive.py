"""Posterior probability of a difference among many, most of which may be zero."""

from __future__ import annotations

import numpy as np
from scipy import stats

# pseudo-observations without a difference, which prevent that the share of differences is overestimated
NULL_WEIGHT = 10.0
GRID_STEP = np.sqrt(2.0)
MAX_ROUNDS = 500
SETTLED = 1e-4


def probability_beyond(
    effect: np.ndarray, se: np.ndarray, delta: np.ndarray, learn_from: np.ndarray | None = None
) -> np.ndarray:
    """Compute the posterior probability that an effect is beyond ± ``delta`` on the side of its estimate.

    True effects are assumed to come from a mixture of normal distributions around 0, with standard deviations on a grid
    that includes 0. The weights of the mixture are learned from all estimates (adaptive shrinkage; Stephens 2017,
    Biostatistics 18:275). Where few programs differ, a large estimate with a large standard error is then not taken as
    a difference.

    Parameters
    ----------
    effect, se
        Estimates and their standard errors, normal.
    delta
        Smallest effect of interest, for each estimate.
    learn_from
        Which estimates the weights are learned from; ``None`` means all.
    """
    learn_from = np.ones(len(effect), dtype=bool) if learn_from is None else learn_from
    # an estimate without an error is of a program that was not measured
    learn_from = learn_from & (se > 0)
    if not learn_from.any():
        return np.full(len(effect), np.nan)
    spread = _grid(effect[learn_from], se[learn_from])
    weight = _weights(effect[learn_from], se[learn_from], spread)
    # for each estimate and component: likelihood of the estimate, and posterior of the effect
    log_likelihood = _log_likelihood(effect, se, spread) + np.log(np.maximum(weight, 1e-300))
    share = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = spread**2 * se[:, None] ** 2 / (spread**2 + se[:, None] ** 2)
        mean = variance / se[:, None] ** 2 * np.abs(effect)[:, None]
        beyond = stats.norm.cdf((mean - delta[:, None]) / np.sqrt(variance))
    # in the component without spread there is no effect
    beyond[:, spread == 0] = 0
    return np.where(se > 0, np.clip((share * beyond).sum(axis=1), 0, 1), 0.0)


def _grid(effect: np.ndarray, se: np.ndarray) -> np.ndarray:
    smallest = se.min() / 10
    largest = 2 * np.sqrt(max(float((effect**2 - se**2).max()), smallest**2))
    n = int(np.ceil(np.log(largest / smallest) / np.log(GRID_STEP)))
    return np.concatenate([[0.0], largest / GRID_STEP ** np.arange(n, -1, -1)])


def _weights(effect: np.ndarray, se: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Estimate the weights of the components by expectation maximisation."""
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
