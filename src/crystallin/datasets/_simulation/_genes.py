"""What genes are before any program acts on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# spread of log mean expression between genes; it is 1.29 between the 765 variable genes of pbmc68k
LOG_MEAN_SD = 1.3
# spread of the log chance to be a member: some genes are hubs that are in many sets
LOG_PROPENSITY_SD = 0.75
# spread of log dispersion between genes
LOG_THETA_SD = 0.5


@dataclass(frozen=True)
class Genes:
    """One entry per gene: log share of all counts, log chance to be a member, inverse dispersion."""

    log_mean: np.ndarray
    log_propensity: np.ndarray
    theta: np.ndarray


def draw_genes(n_genes: int, dispersion: float, rng: np.random.Generator) -> Genes:
    """Draw genes; ``dispersion`` is the median of theta."""
    log_mean = rng.normal(0, LOG_MEAN_SD, n_genes)
    log_mean -= np.log(np.exp(log_mean).sum())
    return Genes(
        log_mean,
        rng.normal(0, LOG_PROPENSITY_SD, n_genes),
        dispersion * rng.lognormal(0, LOG_THETA_SD, n_genes),
    )
