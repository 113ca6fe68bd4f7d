"""Samples, each a donor in a condition: how many cells they have, and how they differ."""

from __future__ import annotations

import numpy as np

from ._options import Options


def sample_sizes(options: Options, rng: np.random.Generator) -> np.ndarray:
    """Number of cells of each sample, at least one, log-normal around the mean."""
    n_samples = options.n_samples
    log_weights = options.cells_sd * rng.standard_normal(n_samples)
    weights = np.exp(log_weights - log_weights.max())
    return 1 + round_shares(weights / weights.sum(), options.n_obs - n_samples)


def round_shares(shares: np.ndarray, n: int) -> np.ndarray:
    """Whole numbers that sum to ``n``, by largest remainder."""
    wanted = shares * n
    counts = np.floor(wanted).astype(int)
    counts[np.argsort(counts - wanted, kind="stable")[: n - counts.sum()]] += 1
    return counts


def draw_sample_effects(
    options: Options,
    n_dimensions: int,
    donor_rng: np.random.Generator,
    sample_rng: np.random.Generator,
    axis_rng: np.random.Generator,
) -> np.ndarray:
    """Donors x conditions x types x dimensions: the effect of the donor with that of the donor's sample."""
    n_donors, n_conditions, n_types = options.n_donors, len(options.conditions), options.n_types
    # the effect of the only donor, or sample, could not be told from the type's mean
    donor_sd = options.donor_sd if n_donors > 1 else 0.0
    sample_sd = options.sample_sd if options.n_samples > 1 else 0.0
    sign_rng, donor_axis_rng, sample_axis_rng = axis_rng.spawn(3)
    # the same signs for all, as there is one axis
    signs = sign_rng.choice([-1, 1], n_dimensions)

    def draw(n_units: tuple[int, ...], own_rng: np.random.Generator, common_rng: np.random.Generator) -> np.ndarray:
        own = own_rng.standard_normal((*n_units, n_types, n_dimensions))
        common = common_rng.standard_normal((*n_units, n_types, 1)) * signs
        return np.sqrt(1 - options.donor_correlation) * own + np.sqrt(options.donor_correlation) * common

    of_donor = donor_sd * draw((n_donors,), donor_rng, donor_axis_rng)
    effects = of_donor[:, None] + sample_sd * draw((n_donors, n_conditions), sample_rng, sample_axis_rng)
    effects[n_donors - options.n_outlier_donors :] *= options.outlier_factor
    return effects
