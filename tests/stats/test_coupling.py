import numpy as np

from crystallin.stats import Means, collect_moments, given_better_known


def posterior_means(z, information, rng):
    """Of cells with activities ``z`` of prior N(0, I), of which counts tell with the given information."""
    posterior = np.linalg.inv(np.eye(len(information)) + information)
    noise = rng.standard_normal(z.shape) @ np.linalg.cholesky(information).T
    return (z @ information + noise) @ posterior, posterior


def compared(mean, posterior, code):
    share = 1 - np.diag(posterior)
    sd = np.broadcast_to(np.sqrt(np.diag(posterior)), mean.shape)
    moments, covariance = collect_moments(mean, sd, code, 2)
    within = np.diag(covariance) / share**2
    means = Means(moments.mean / share, within / moments.n[:, None])
    order = np.argsort(-share, kind="stable")
    return means, given_better_known(means, moments.n, order, covariance, posterior, share)


def differences(means):
    return np.diff(means.mean, axis=0)[0], np.sqrt(means.variance.sum(axis=0))


def test_a_follower_differs_no_more_than_it_follows():
    """The third program answers to genes of the first one, whose mean differs by one between two groups."""
    rng = np.random.default_rng(0)
    n = 40_000
    code = np.repeat([0, 1], n // 2)
    z = rng.standard_normal((n, 3)) * 0.7
    z[:, 0] += code
    z[:, 2] = 0.6 * z[:, 0] + 0.3 * rng.standard_normal(n)
    alone, rest = compared(*posterior_means(z, np.diag([4.0, 1.5, 0.5]), rng), code)
    np.testing.assert_allclose(differences(alone)[0], [1, 0, 0.6], atol=0.05)
    difference, se = differences(rest)
    np.testing.assert_allclose(difference, [1, 0, 0], atol=0.06)
    assert (np.abs(difference - [1, 0, 0]) < 4 * se).all()
    # what is best known has nothing before it
    np.testing.assert_allclose(rest.variance[:, 0], alone.variance[:, 0])


def test_programs_that_share_genes_are_unmixed():
    """Two programs whose posterior is correlated, one of which differs: alone the other seems to differ too."""
    rng = np.random.default_rng(1)
    n = 60_000
    code = np.repeat([0, 1], n // 2)
    z = rng.standard_normal((n, 2))
    z[:, 0] += 0.6 * code
    alone, rest = compared(*posterior_means(z, np.array([[2.5, 1.2], [1.2, 2.0]]), rng), code)
    assert differences(alone)[0][1] > 0.1
    difference, se = differences(rest)
    assert (np.abs(difference - [0.6, 0]) < 4 * se).all()
    assert abs(difference[1]) < 0.03


def test_standard_errors_are_those_of_repetitions():
    rng = np.random.default_rng(2)
    code = np.repeat([0, 1], 200)
    found = []
    for _ in range(300):
        z = rng.standard_normal((400, 2)) @ np.array([[1, 0.5], [0, 0.8]])
        _, rest = compared(*posterior_means(z, np.array([[2.5, 1.0], [1.0, 1.5]]), rng), code)
        found.append(differences(rest))
    difference, se = (np.array(values) for values in zip(*found, strict=True))
    np.testing.assert_allclose(difference.std(axis=0), se.mean(axis=0), rtol=0.15)


def test_programs_without_part_stay_as_they_are():
    means = Means(np.array([[1.0, 2.0, 3.0]]), np.array([[0.1, 0.2, 0.3]]))
    share = np.array([0.5, 0.5, 0.5])
    result = given_better_known(means, np.array([10.0]), np.array([2, 0]), 0.5 * np.eye(3), 0.5 * np.eye(3), share)
    np.testing.assert_allclose(result.mean, means.mean)
    assert result.variance[0, 1] == 0.2
