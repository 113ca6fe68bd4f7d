import numpy as np

from crystallin.stats import Means, activity_covariance, collect_moments, given_better_known

SHARE = np.array([0.8, 0.6, 0.3])


def test_a_follower_differs_no_more_than_it_follows():
    """The third program answers to genes of the first one, whose mean differs by one between two groups."""
    rng = np.random.default_rng(0)
    n = 40_000
    code = np.repeat([0, 1], n // 2)
    z = rng.standard_normal((n, 3)) * 0.7
    z[:, 0] += code
    z[:, 2] = 0.6 * z[:, 0] + 0.3 * rng.standard_normal(n)
    # posterior means: shrunk, with the noise of what is not known
    mean = SHARE * z + np.sqrt(SHARE * (1 - SHARE)) * rng.standard_normal((n, 3))
    moments, covariance = collect_moments(mean, np.broadcast_to(np.sqrt(1 - SHARE), mean.shape), code, 2)
    signal = activity_covariance(covariance, np.diag(1 - SHARE), SHARE)
    truth = np.cov((z - np.stack([z[code == 0].mean(axis=0), z[code == 1].mean(axis=0)])[code]).T)
    np.testing.assert_allclose(signal, truth, atol=0.05)

    spread = covariance / np.outer(SHARE, SHARE)
    means = Means(moments.mean / SHARE, np.diag(spread) / moments.n[:, None])
    rest = given_better_known(means, moments.n, np.array([0, 1, 2]), signal, spread)
    difference = np.diff(rest.mean, axis=0)[0]
    se = np.sqrt(rest.variance.sum(axis=0))
    np.testing.assert_allclose(np.diff(means.mean, axis=0)[0], [1, 0, 0.6], atol=0.05)
    np.testing.assert_allclose(difference[:2], [1, 0], atol=0.05)
    assert abs(difference[2]) < 0.06 and abs(difference[2]) < 4 * se[2]
    # what is best known has nothing before it
    np.testing.assert_allclose(rest.variance[:, 0], means.variance[:, 0])


def test_programs_without_part_stay_as_they_are():
    means = Means(np.array([[1.0, 2.0, 3.0]]), np.array([[0.1, 0.2, 0.3]]))
    result = given_better_known(means, np.array([10.0]), np.array([2, 0]), np.eye(3), np.eye(3))
    np.testing.assert_allclose(result.mean, means.mean)
    assert result.variance[0, 1] == 0.2


def test_covariance_is_positive():
    rng = np.random.default_rng(1)
    few = rng.standard_normal((4, 3))
    assert np.linalg.eigvalsh(activity_covariance(np.cov(few.T) * 0.01, np.eye(3), np.full(3, 0.2))).min() > 0.09
