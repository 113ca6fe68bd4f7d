import numpy as np
import pytest
import statsmodels.api as sm

from crystallin.stats import _moments, collect_moments, reliability, unshrunk_means

N, P, G = 1_000, 4, 5


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, G, N)
    mean = rng.normal(0, 1, (N, P)) + 0.3 * codes[:, None]
    sd = rng.uniform(0.2, 0.9, (N, P))
    return mean.astype(np.float32), sd.astype(np.float32), codes, rng.normal(0, 1, (N, 2)) + codes[:, None]


@pytest.mark.parametrize("chunk", [7, 2**20])
def test_as_by_hand(cells, chunk, monkeypatch):
    monkeypatch.setattr(_moments, "CHUNK_VALUES", chunk * P)
    mean, sd, codes, covariates = cells
    moments, covariance = collect_moments(mean, sd, codes, G, covariates=covariates)
    inside = np.zeros((P, P))
    for group in range(G):
        part = codes == group
        m = mean[part].astype(float)
        assert moments.n[group] == part.sum()
        np.testing.assert_allclose(moments.mean[group], m.mean(axis=0))
        np.testing.assert_allclose(moments.mean_uncertainty[group], (sd[part].astype(float) ** 2).mean(axis=0))
        np.testing.assert_allclose(moments.scatter()[group], ((m - m.mean(axis=0)) ** 2).sum(axis=0))
        np.testing.assert_allclose(moments.mean_covariates[group], covariates[part].mean(axis=0))
        inside += (m - m.mean(axis=0)).T @ (m - m.mean(axis=0))
    np.testing.assert_allclose(covariance, inside / ((codes >= 0).sum() - G), atol=1e-10)


def test_pooled_is_as_collected_together(cells):
    mean, sd, codes, covariates = cells
    moments, _ = collect_moments(mean, sd, codes, G, covariates=covariates)
    to = np.array([0, 1, -1, 0, 1])
    pooled = moments.pooled(to, 2)
    direct, _ = collect_moments(mean, sd, np.where(codes >= 0, to[codes], -1), 2, covariates=covariates)
    for name in vars(pooled):
        np.testing.assert_allclose(getattr(pooled, name), getattr(direct, name), err_msg=name)


def test_adjusted_means_are_those_of_least_squares(cells):
    """Analysis of covariance by statsmodels."""
    mean, sd, codes, covariates = cells
    moments, _ = collect_moments(mean, sd, codes, G, covariates=covariates)
    adjusted, scatter = moments.adjusted()
    there = codes >= 0
    groups = np.eye(G)[codes[there]]
    centred = covariates[there] - covariates[there].mean(axis=0)
    for program in range(P):
        fit = sm.OLS(mean[there, program].astype(float), np.column_stack([groups, centred])).fit()
        np.testing.assert_allclose(adjusted.mean[:, program], fit.params[:G])
        np.testing.assert_allclose(adjusted.scatter()[:, program].sum(), fit.ssr)
    within = centred - groups @ (np.linalg.pinv(groups) @ centred)
    np.testing.assert_allclose(scatter, within.T @ within)


def test_without_covariates_nothing_is_adjusted(cells):
    mean, sd, codes, _ = cells
    moments, _ = collect_moments(mean, sd, codes, G)
    adjusted, _ = moments.adjusted()
    np.testing.assert_allclose(adjusted.total, moments.total)


def test_unshrunk_means_find_the_truth():
    """Posterior means of cells of unequal depth, whose plain mean falls short of the truth."""
    rng = np.random.default_rng(1)
    n, truth = 200_000, 0.8
    noise = rng.choice([0.5, 2.0], n)
    seen = truth + rng.standard_normal(n) + noise * rng.standard_normal(n)
    variance = noise**2 / (1 + noise**2)
    mean = seen / (1 + noise**2)
    moments, _ = collect_moments(mean[:, None], np.sqrt(variance)[:, None], np.zeros(n, dtype=int), 1)
    within = moments.scatter() / (moments.n - 1)
    result = unshrunk_means(moments, within)
    assert moments.mean[0, 0] < 0.5
    assert abs(result.mean[0, 0] - truth) < 4 * np.sqrt(result.variance[0, 0])
    # the posterior mean varies by 1 / (1 + noise²) and by what shrinkage differs in; half of it is shrunk away
    share = 1 / (1 + np.array([0.5, 2.0]) ** 2)
    expected = np.sqrt(share.mean() + (truth * share).var()) / share.mean()
    assert np.sqrt(result.variance[0, 0]) == pytest.approx(expected / np.sqrt(n), rel=0.01)
    assert reliability(np.array([2.0])) > 0
