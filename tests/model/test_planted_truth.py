"""The trained model against the activities that made the counts."""

import numpy as np
import pytest


def correlations(a, b):
    return np.array([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(b.shape[1])])


def test_activities_follow_the_planted_ones(model, planted):
    truth = planted.activity
    refined, encoded = model.get_activity(), model.get_activity(refine=False)
    n = truth.shape[1]
    assert correlations(refined[:, :n], truth).min() > 0.75
    assert np.median(correlations(refined[:, :n], truth)) > 0.85
    # the refinement is no worse than the encoder it starts from
    gain = correlations(refined[:, :n], truth) - correlations(encoded[:, :n], truth)
    assert gain.mean() > 0


def test_decoys_vary_far_less_than_programs(model):
    spread = model.get_activity().std(0)
    real, decoys = spread[~model.is_decoy], spread[model.is_decoy]
    assert len(decoys) == len(real) == 8
    assert decoys.max() < real.min()
    # not silent: on 500 cells, and with nothing that shrinks loadings, chance correlations are fitted too
    assert decoys.mean() < 0.5 * real.mean()


@pytest.mark.parametrize(("level", "z"), [(0.5, 0.674), (0.8, 1.282), (0.95, 1.960)])
def test_refined_intervals_cover(model, planted, level, z):
    mean, sd = model.get_activity(return_sd=True)
    n = planted.activity.shape[1]
    covered = np.abs(mean[:, :n] - planted.activity) < z * sd[:, :n]
    assert abs(covered.mean() - level) < 0.06


def test_loadings_are_on_the_prior_and_have_its_sign(model, planted):
    loadings = model.get_loadings()
    assert loadings.shape == (240, 16)
    # decoys too, whose loadings would scatter around zero without the constraint
    assert (loadings >= 0).all(axis=None)
    for name, members in planted.sets.items():
        outside = loadings.index.difference(members)
        assert (loadings.loc[outside, name] == 0).all()
        assert (loadings.loc[members, name] >= 0).all()
        assert (loadings.loc[members, name] > 0.1).mean() > 0.8


def test_samples_agree_with_mean_and_sd(model):
    mean, sd = model.get_activity(indices=range(20), return_sd=True)
    samples = model.sample_activity(2000, indices=range(20))
    assert samples.shape == (2000, 20, 16)
    # within five standard errors of a mean and of a standard deviation
    assert (np.abs(samples.mean(0) - mean) < 5 * sd / np.sqrt(2000)).all()
    np.testing.assert_allclose(samples.std(0), sd, rtol=5 / np.sqrt(2 * 2000))
    np.testing.assert_array_equal(samples, model.sample_activity(2000, indices=range(20)))
    assert not np.array_equal(samples, model.sample_activity(2000, indices=range(20), random_state=1))


def test_samples_of_the_encoder_are_independent_between_programs(model):
    mean, sd = model.get_activity(indices=[3], refine=False, return_sd=True)
    samples = model.sample_activity(4000, indices=[3], refine=False)[:, 0]
    assert (np.abs(samples.mean(0) - mean[0]) < 5 * sd[0] / np.sqrt(4000)).all()
    np.testing.assert_allclose(samples.std(0), sd[0], rtol=5 / np.sqrt(2 * 4000))


def test_batch_size_and_order_of_cells_do_not_matter(model):
    whole, small = model.get_activity(batch_size=500), model.get_activity(batch_size=7)
    # rounding can decide whether a cell takes one more Newton step, of less than a tenth of its sd
    assert np.abs(whole - small).mean() < 5e-4
    np.testing.assert_allclose(whole, small, atol=0.05)
    np.testing.assert_allclose(whole[[30, 2]], model.get_activity(indices=[30, 2]), atol=0.05)


def test_cells_by_mask_list_or_range(model):
    some = model.get_activity(indices=[0, 2])
    mask = np.arange(500) < 3
    mask[1] = False
    for indices in (mask, mask.tolist(), range(0, 3, 2)):
        np.testing.assert_array_equal(model.get_activity(indices=indices), some)


def test_the_best_weights_are_kept(model):
    """The validation loss of the restored weights is the lowest of the history."""
    lowest = float(model.history["elbo_validation"].min().iloc[0])
    # the history's estimate is of one posterior sample per cell, as is this one
    restored = -float(model.get_elbo(indices=model.validation_indices, return_mean=True))
    assert restored == pytest.approx(lowest, abs=0.01 * lowest)
