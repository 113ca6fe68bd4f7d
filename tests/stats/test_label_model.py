"""Labels as Gaussians: distances, and what shrinkage does to them."""

import numpy as np
import pytest

from crystallin.stats import LabelModel

RNG = np.random.default_rng(0)
MEANS = np.array([[0.0, 0, 0], [4, 0, 0], [0, 5, 0]])


def cells(n=3_000, information=None):
    """True activities, and posterior means of them with the prior N(0, I)."""
    codes = RNG.integers(0, 3, n)
    z = MEANS[codes] + RNG.normal(size=(n, 3)) * [0.5, 0.7, 0.3]
    if information is None:
        return codes, z
    noise = RNG.normal(size=(n, 3)) / np.sqrt(np.diag(information))
    gain = np.diag(information) / (1 + np.diag(information))
    return codes, (z + noise) * gain


def test_distances_are_mahalanobis():
    codes, z = cells()
    model = LabelModel.fit(z, codes, np.eye(3))
    away = z[:5] - model.mean[1]
    expected = np.einsum("ij,jk,ik->i", away, np.linalg.inv(model.within), away)
    np.testing.assert_allclose(model.distances(z[:5])[:, 1], expected, rtol=1e-8)
    own = model.distances(z)[np.arange(len(z)), codes]
    assert own.mean() == pytest.approx(3, rel=0.05)
    label, probability = model.classified(z)
    assert (label == codes).mean() > 0.99
    assert (label == codes)[probability > 0.999].mean() > 0.999


def test_gaussians_follow_cells_that_say_less():
    much, little = np.diag([50.0, 40, 60]), np.diag([3.0, 40, 0.4])
    model = LabelModel.fit(*reversed(cells(20_000, much)), much)
    codes, shrunk = cells(20_000, little)
    now = model.as_measured(little)
    direct = LabelModel.fit(shrunk, codes, little)
    np.testing.assert_allclose(now.mean, direct.mean, atol=0.06)
    np.testing.assert_allclose(now.within, direct.within, atol=0.04)
    # without this, cells that say less would look unusual
    assert now.distances(shrunk).min(axis=1).mean() == pytest.approx(3, rel=0.1)
    assert abs(model.distances(shrunk).min(axis=1).mean() - 3) > 1
    assert model.as_measured(much) is model


def test_lengths_leave_sampling_out():
    lengths = []
    for _ in range(300):
        codes, z = cells(300)
        model = LabelModel.fit(z[:270], codes[:270], np.eye(3))
        inside = z[270:][codes[270:] == 0]
        label = int(np.bincount(model.classified(inside)[0]).argmax())
        assert label == 0
        way = model.way(inside.mean(axis=0), label)
        lengths.append(model.length(way, len(inside), label) ** 2)
    assert np.median(lengths) < 0.15


def test_the_plane_tells_labels_apart():
    codes, z = cells()
    model = LabelModel.fit(z, codes, np.eye(3))
    plane, centres = model.plane(z)
    assert plane.shape == (len(z), 2) and centres.shape == (3, 2)
    np.testing.assert_allclose(np.cov((plane - centres[codes]).T), np.eye(2), atol=0.05)
    between = np.linalg.norm(centres[:, None] - centres, axis=2)
    np.testing.assert_allclose(between, np.linalg.norm(model.centres[:, None] - model.centres, axis=2), rtol=1e-8)
    two = LabelModel.fit(z[codes < 2], codes[codes < 2], np.eye(3))
    plane, centres = two.plane(z)
    assert np.isfinite(plane).all() and abs(centres[:, 1]).max() < 1e-9


def test_spacing():
    codes, z = cells(30_000)
    model = LabelModel.fit(z, codes, np.eye(3))
    assert model.spacing == pytest.approx(np.median([5 / 0.7, 5 / 0.7, 4 / 0.5]), rel=0.05)
    alone = LabelModel.fit(z, np.zeros(len(z), dtype=int), np.eye(3))
    assert np.isinf(alone.spacing)
