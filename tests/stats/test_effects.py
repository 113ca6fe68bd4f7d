import numpy as np

from crystallin.stats import group_effects, standardised_difference


def cohens_d(a, b):
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2)
    return (a.mean() - b.mean()) / np.sqrt(pooled)


def test_effects_are_cohens_d_against_the_rest():
    rng = np.random.default_rng(0)
    values, codes = rng.normal(1000, 1, (60, 3)), rng.integers(-1, 3, 60)
    values[codes == 1] += [0, 2, -1]
    differences, effects = group_effects(values, codes, 3)
    for group in range(3):
        for column in range(3):
            a, b = values[codes == group, column], values[(codes != group) & (codes >= 0), column]
            np.testing.assert_allclose(effects[group, column], cohens_d(a, b))
            np.testing.assert_allclose(differences[group, column], a.mean() - b.mean())


def test_swapping_the_groups_flips_the_sign():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, (20, 4)), rng.normal(0.5, 2, (30, 4))
    np.testing.assert_allclose(standardised_difference(a, b), -standardised_difference(b, a))
    np.testing.assert_allclose(standardised_difference(a, b)[0], cohens_d(a[:, 0], b[:, 0]))


def test_too_few_cells_give_nan():
    both = group_effects(np.random.default_rng(2).normal(size=(5, 2)), np.array([0, 1, 1, 1, 1]), 3)
    assert np.isnan(both).all()
