import numpy as np

from crystallin.programs import families, nearest, similarity, variance_inflation


def test_similarity_takes_the_larger_of_genes_and_posterior():
    loadings = np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    correlation = np.array([[1, 0.1, -0.6], [0.1, 1, 0.2], [-0.6, 0.2, 1]])
    alike = similarity(loadings, correlation)
    np.testing.assert_allclose(alike, [[1, 0.1, 0.6], [0.1, 1, 1 / np.sqrt(3)], [0.6, 1 / np.sqrt(3), 1]])
    # a program without loadings is like no other
    assert similarity(np.zeros((3, 2)), np.eye(2))[0, 1] == 0


def test_families():
    alike = np.eye(6)
    alike[0, 3] = alike[3, 0] = 0.7
    alike[1, 4] = alike[4, 1] = alike[4, 5] = alike[5, 4] = alike[1, 5] = alike[5, 1] = 0.4
    assert families(alike).tolist() == [0, 1, 2, 0, 1, 1]
    assert families(alike, threshold=0.5).tolist() == [0, 1, 2, 0, 3, 4]
    assert families(np.eye(1)).tolist() == [0]


def test_nearest():
    alike = np.array([[1, 0.2, 0.5], [0.2, 1, 0.1], [0.5, 0.1, 1]])
    twin, how = nearest(alike)
    assert twin.tolist() == [2, 0, 0] and how.tolist() == [0.5, 0.2, 0.5]
    assert [x.tolist() for x in nearest(np.eye(1))] == [[-1], [0.0]]


def test_variance_inflation_of_two_is_that_of_regression():
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    r_squared = 1.2**2 / 2
    np.testing.assert_allclose(variance_inflation(covariance), 1 / (1 - r_squared))
