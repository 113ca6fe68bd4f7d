"""The comparisons on made-up activities, without a model."""

import numpy as np
import pytest

from crystallin.stats import collect_moments
from crystallin.tl._differences._cells import across_cells
from crystallin.tl._differences._measured import Coupling, Measured
from crystallin.tl._differences._pairs import Options, between_sides

N_PROGRAMS = 12
COUPLING = Coupling(np.eye(N_PROGRAMS), np.zeros((N_PROGRAMS,) * 2), np.ones(N_PROGRAMS))


def measured(moments):
    return Measured(moments, np.zeros(N_PROGRAMS, dtype=bool), COUPLING)


def test_slopes_within_samples_are_known_no_better_than_they_are():
    """Pairs of samples of unequal size, whose cells differ in a covariate as their sides do: type I error and se."""
    rng = np.random.default_rng(0)
    sizes = [(60, 20), (20, 60)] * 2
    p, effects, ses = [], [], []
    for _ in range(150):
        unit = np.concatenate([np.full(n, 2 * d + side) for d, pair in enumerate(sizes) for side, n in enumerate(pair)])
        donor, side = unit // 2, unit % 2
        covariate = rng.normal(2 * (donor % 2) + (side == 0), 0.5)
        y = rng.standard_normal((len(unit), N_PROGRAMS))
        moments, _ = collect_moments(y, np.zeros_like(y), unit, 8, covariates=covariate[:, None])
        sample = np.repeat([f"donor {i}" for i in range(4)], 2)
        result = between_sides(measured(moments), np.tile([0, 1], 4), sample, "here", Options(["age"], True, None))
        assert result.n_samples == (4, 4)
        p.append(result.marginal.p())
        effects.append(result.marginal.effect)
        ses.append(result.marginal.se)
    assert np.std(effects) == pytest.approx(np.mean(ses), rel=0.15)
    assert np.mean(np.concatenate(p) < 0.05) < 0.07


@pytest.mark.parametrize("n_cells", [40, 4_000])
def test_cells_with_a_covariate_that_goes_with_the_side(n_cells):
    """The effect beside a covariate is that of least squares, and so is its standard error."""
    rng = np.random.default_rng(1)
    side = rng.integers(0, 2, n_cells)
    covariate = rng.standard_normal(n_cells) + side
    y = rng.standard_normal((n_cells, N_PROGRAMS)) + 0.5 * (side == 0)[:, None] + 0.7 * covariate[:, None]
    moments, _ = collect_moments(y, np.zeros_like(y), side, 2, covariates=covariate[:, None])
    result = across_cells(measured(moments), np.array([0, 1]), ["age"], "here")
    design = np.column_stack([side == 0, np.ones(n_cells), covariate]).astype(float)
    coefficients, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    np.testing.assert_allclose(result.marginal.effect, coefficients[0], rtol=1e-6)
    se = np.sqrt(squares / (n_cells - 3) * np.linalg.inv(design.T @ design)[0, 0])
    # Welch's variances of either side, not pooled ones
    np.testing.assert_allclose(result.marginal.se, se, rtol=0.1 if n_cells < 1000 else 0.01)
    # what is said of the groups is as stored, not adjusted
    np.testing.assert_allclose(result.mean[0], y[side == 0].mean(axis=0))


@pytest.mark.parametrize(
    ("both", "group", "reference", "paired", "n_samples", "is_paired", "n_left_out"),
    [
        # samples without a pair are left out, whether pairs were asked for or most samples have one
        (3, 2, 0, True, (3, 3), True, 2),
        (3, 2, 0, None, (3, 3), True, 2),
        # few have a pair, but too few are on one side only to do without
        (2, 5, 0, None, (2, 2), True, 5),
        (2, 5, 1, None, (2, 2), True, 6),
        # most are on one side only: those with two means are left out, or enter with both
        (2, 3, 3, None, (3, 3), False, 2),
        (1, 3, 3, None, (3, 3), False, 1),
        (2, 3, 3, False, (5, 5), False, 0),
        # asked for, though most have no pair
        (2, 3, 3, True, (2, 2), True, 6),
    ],
)
def test_which_samples_take_part(both, group, reference, paired, n_samples, is_paired, n_left_out):
    side = np.concatenate([np.tile([0, 1], both), np.zeros(group, int), np.ones(reference, int)])
    sample = np.concatenate([np.repeat(np.arange(both), 2), np.arange(both, both + group + reference)]).astype(str)
    y = np.random.default_rng(0).standard_normal((20 * len(side), N_PROGRAMS))
    moments, _ = collect_moments(y, np.zeros_like(y), np.repeat(np.arange(len(side)), 20), len(side))
    result = between_sides(measured(moments), side, sample, "here", Options([], True, paired))
    assert (result.n_samples, len(result.left_out)) == (n_samples, n_left_out)
    # pairs have levels of their own
    assert result.marginal.df_residual == (n_samples[0] - 1 if is_paired else sum(n_samples) - 2)


def test_too_few_samples_either_way():
    y = np.random.default_rng(0).standard_normal((80, N_PROGRAMS))
    moments, _ = collect_moments(y, np.zeros_like(y), np.arange(80) // 20, 4)
    side, sample = np.array([0, 0, 0, 1]), np.array(["a", "b", "c", "a"])
    with pytest.raises(ValueError, match=r"3 sample\(s\) of the group and 1 of the reference, 1 of them on both sides"):
        between_sides(measured(moments), side, sample, "here", Options([], True, None))
