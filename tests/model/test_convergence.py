"""The end of the second stage."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import crystallin as cr
from crystallin.model import _convergence
from crystallin.model._convergence import Converged
from crystallin.model._trainingplan import N_DECAY, PosteriorTrainingPlan


def fresh(adata):
    cr.ProgramVAE.setup_anndata(adata)
    return cr.ProgramVAE(adata)


@pytest.mark.parametrize(
    ("values", "converged"),
    [
        ([-500.0], False),
        ([-500.0, -500.0], False),
        ([-520.0, -505.0, -500.0], False),
        ([-502.0, -501.0, -500.0], True),
        # it got worse
        ([-500.0, -500.0, -510.0], True),
        ([-600.0, -502.0, -501.0, -500.0], True),
    ],
)
def test_convergence_is_a_small_gain_over_two_looks(values, converged):
    callback = Converged()
    callback.values = values
    assert callback._has_converged() == converged


def test_learning_rate_is_constant_until_the_last_steps(adata):
    plan = PosteriorTrainingPlan(fresh(adata).module)
    rates = [plan.annealed(step, 300) for step in range(301)]
    assert rates[: 301 - N_DECAY] == [1.0] * (301 - N_DECAY) and np.all(np.diff(rates[300 - N_DECAY :]) < 0)
    assert rates[-1] == pytest.approx(0.01)
    plan.decays_from = 75
    assert plan.annealed(75, 300) == 1.0 and plan.annealed(75 + N_DECAY, 300) == pytest.approx(0.01)
    # a stage that is shorter than that decays from its start
    plan.decays_from = None
    assert plan.annealed(0, 10) == 1.0 and plan.annealed(5, 10) == pytest.approx(0.505)


def test_the_stage_ends_when_it_has_converged(adata, monkeypatch, caplog):
    monkeypatch.setattr(_convergence, "N_LOOKS", 1)
    monkeypatch.setattr(_convergence, "MIN_GAIN", 1.0)
    options = {"max_epochs": 2, "posterior_epochs": 200, "enable_progress_bar": False}
    model = fresh(adata)
    with caplog.at_level(logging.INFO, logger="crystallin"):
        model.train(**options)
    # two looks, one after 25 and one after 50 steps, and one step an epoch
    assert model.trainer.global_step == 50 + N_DECAY == len(model.history["reconstruction_loss_posterior"])
    assert "converged after 50 steps" in caplog.text
    for without in ({"early_stopping": False}, {"train_size": 1.0}):
        other = fresh(adata)
        other.train(**options, **without)
        assert other.trainer.global_step == 200


def test_the_last_steps_are_not_started_twice(adata, monkeypatch, caplog):
    monkeypatch.setattr(_convergence, "N_LOOKS", 1)
    monkeypatch.setattr(Converged, "_log_likelihood", lambda *_: -500.0)
    model = fresh(adata)
    # after 50 steps, the learning rate decreases already
    with caplog.at_level(logging.INFO, logger="crystallin"):
        model.train(max_epochs=2, posterior_epochs=50 + N_DECAY, enable_progress_bar=False)
    assert model.trainer.global_step == 50 + N_DECAY and "converged" not in caplog.text


def test_looks_see_the_marginal_likelihood_of_unseen_cells(adata, monkeypatch):
    from crystallin.model._resident import resident_cells
    from crystallin.nn import precision_cholesky, refine, shared_genes

    seen = []
    look = Converged._log_likelihood
    monkeypatch.setattr(Converged, "_log_likelihood", lambda *args: seen.append(look(*args)) or seen[-1])
    # a look after the last step
    monkeypatch.setattr(_convergence, "N_DECAY", -1)
    model = fresh(adata)
    model.train(max_epochs=20, posterior_epochs=25, enable_progress_bar=False)
    assert len(seen) == 1
    module, weight = model.module, model.module.decoder.weight().detach()
    tensors = resident_cells(model.adata_manager, model.device)[model.validation_indices]
    cells, mean = module.posterior_start(tensors)
    point = refine(cells, mean, weight, module.average_cell(tensors).covariance, tolerance=1e-3)
    cholesky = precision_cholesky(point.information, shared_genes(weight.dense()))
    log_det = 2 * cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    exact = (module.log_joint(tensors, point.z) - 0.5 * log_det).mean().item()
    # the diagonal of the information instead of all of it
    assert seen[0] == pytest.approx(exact, rel=3e-3)
