"""Linear models of samples against textbooks, statsmodels and simulation."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats

from crystallin.stats import Means, compare_samples, detectable, power_of_t, without_each

# hours of additional sleep with two drugs (Student 1908, Biometrika 6:1), as in R's dataset ``sleep``
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
SLEEP = np.concatenate([FIRST, SECOND])[:, None]
PERSON, IS_SECOND = np.tile(np.arange(10), 2), np.repeat([0.0, 1.0], 10)
ONE = np.ones(1, dtype=bool)


def unknown(y):
    """Means whose sampling variances are negligible."""
    return Means(y, np.full(y.shape, 1e-9))


def test_student_as_in_r():
    """``t.test(extra ~ group, var.equal = TRUE)``: t = -1.8608, df = 18, p = 0.07919."""
    design = np.column_stack([IS_SECOND, np.ones(20)])
    found = compare_samples(unknown(SLEEP), design, np.array([1.0, 0.0]), prior_from=ONE)
    assert found.effect[0] == pytest.approx(1.58)
    assert round(found.statistic[0], 4) == 1.8608
    assert (found.df, found.df_residual) == (18, 18)
    assert round(found.p()[0], 5) == 0.07919


@pytest.mark.parametrize("how", ["block", "random"])
def test_pairs_as_in_r(how):
    """``t.test(extra ~ group, paired = TRUE)``: t = -4.0621, df = 9, p = 0.002833, interval 0.70 to 2.46."""
    design, contrast = np.column_stack([IS_SECOND, np.ones(20)]), np.array([1.0, 0.0])
    if how == "block":
        design = np.column_stack([IS_SECOND, pd.get_dummies(PERSON)]).astype(float)
        contrast = np.eye(11)[0]
    found = compare_samples(unknown(SLEEP), design, contrast, prior_from=ONE, donor=PERSON if how == "random" else None)
    assert found.effect[0] == pytest.approx(1.58)
    assert round(found.statistic[0], 4) == 4.0621
    assert found.df == pytest.approx(9)
    assert round(found.p()[0], 6) == 0.002833
    np.testing.assert_allclose(np.ravel(found.interval()), [0.7001142, 2.4598858], atol=1e-6)


def study(rng, n_donors=8, *, between=0.5, within=0.3, n_programs=40):
    """Two arms, two time points of each donor; effects are zero."""
    donor = np.repeat(np.arange(n_donors), 2)
    arm, time = (donor % 2).astype(float), np.tile([0.0, 1.0], n_donors)
    design = np.column_stack([np.ones(len(donor)), arm, time, arm * time])
    y = between * rng.standard_normal((n_donors, n_programs))[donor]
    return donor, design, y + within * rng.standard_normal(y.shape)


def test_random_intercepts_as_statsmodels():
    """Estimates and standard errors of a mixed model by restricted likelihood."""
    rng = np.random.default_rng(0)
    donor, design, y = study(rng, 30, n_programs=1)
    frame = pd.DataFrame(design[:, 1:3], columns=["arm", "time"]).assign(y=y[:, 0], donor=donor)
    fit = smf.mixedlm("y ~ arm * time", frame, groups="donor").fit(reml=True)
    for column, name in enumerate(["Intercept", "arm", "time", "arm:time"]):
        found = compare_samples(unknown(y), design, np.eye(4)[column], prior_from=ONE, donor=donor)
        assert found.effect[0] == pytest.approx(fit.params[name], rel=1e-3, abs=1e-3)
        # the standard error comes from the contributions of donors, not from the variance components
        assert found.se[0] == pytest.approx(fit.bse[name], rel=0.35)


def test_several_factors_as_least_squares():
    rng = np.random.default_rng(1)
    design = np.column_stack([np.ones(16), rng.integers(0, 2, 16), rng.standard_normal((16, 2))]).astype(float)
    y, contrast = rng.standard_normal((16, 1)), np.array([0.0, 1.0, -2.0, 0.0])
    found = compare_samples(unknown(y), design, contrast, prior_from=ONE)
    test = sm.OLS(y[:, 0], design).fit().t_test(contrast)
    np.testing.assert_allclose([found.effect[0], found.se[0]], [test.effect[0], test.sd[0, 0]], rtol=1e-6)
    assert found.df == 12


@pytest.mark.parametrize("n_donors", [6, 8, 20])
@pytest.mark.parametrize("coefficient", [1, 2, 3])
def test_type_one_error_with_random_intercepts(n_donors, coefficient):
    """Between arms at the first time, between times in the first arm, and the interaction."""
    rng = np.random.default_rng(10 * n_donors + coefficient)
    p = []
    for _ in range(100):
        donor, design, y = study(rng, n_donors, between=0.5 * rng.uniform(0.2, 2, 40))
        found = compare_samples(
            unknown(y), design, np.eye(4)[coefficient], prior_from=np.ones(40, dtype=bool), donor=donor
        )
        p.append(found.p())
    p = np.concatenate(p)
    assert 0.03 < (p < 0.05).mean() < 0.065
    assert (p < 0.001).mean() < 0.003


def test_without_a_donor_as_if_it_had_never_been():
    rng = np.random.default_rng(2)
    donor, design, y = study(rng, 6, n_programs=5)
    y[donor == 3] += 4
    everyone, contrast = np.ones(5, dtype=bool), np.eye(4)[1]
    effects = without_each(unknown(y), design, contrast, donor, prior_from=everyone, is_random=False)
    for left_out in range(6):
        there = donor != left_out
        expected = np.linalg.lstsq(design[there], y[there], rcond=None)[0][1]
        np.testing.assert_allclose(effects[left_out], expected, rtol=1e-6)
    # the loud donor is the one whose removal matters
    full = np.linalg.lstsq(design, y, rcond=None)[0][1]
    assert (np.abs(effects - full).argmax(axis=0) == 3).all()


def test_a_donor_without_whom_nothing_can_be_said():
    design = np.column_stack([[1.0, 0, 0, 0], np.ones(4)])
    y = np.arange(4.0)[:, None]
    effects = without_each(unknown(y), design, np.array([1.0, 0.0]), np.arange(4), prior_from=ONE, is_random=False)
    assert np.isnan(effects[0, 0]) and np.isfinite(effects[1:, 0]).all()


@pytest.mark.parametrize("df", [1.0, 2.0, 6.0, 40.0, np.inf])
@pytest.mark.parametrize("level", [0.05, 0.001])
def test_power_of_a_t_test(df, level):
    rng = np.random.default_rng(3)
    size = detectable(df, level)
    assert power_of_t(np.array(size), df, level) == pytest.approx(0.8, abs=1e-4)
    assert power_of_t(np.array(0.0), df, level) == pytest.approx(level, abs=2e-4)
    chi = 1.0 if np.isinf(df) else np.sqrt(rng.chisquare(df, 200_000) / df)
    p = 2 * stats.t.sf(np.abs(rng.standard_normal(200_000) + size) / chi, df)
    assert (p < level).mean() == pytest.approx(0.8, abs=0.01)
