import math
import random
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from scvi.train._logger import SimpleLogger

import crystallin as cr
from crystallin.model._callbacks import KeepWeights
from crystallin.model._settings import default_epochs
from crystallin.model._split import split_cells


def fresh(adata, **kwargs):
    cr.ProgramVAE.setup_anndata(adata)
    return cr.ProgramVAE(adata, **kwargs)


def test_same_seed_same_model_and_other_seed_another(adata):
    def activities(seed):
        model = fresh(adata, random_state=seed)
        model.train(max_epochs=2, enable_progress_bar=False)
        return model.get_activity(), model.validation_indices

    a, split_a = activities(3)
    torch.rand(5)
    b, split_b = activities(3)
    c, split_c = activities(4)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(split_a, split_b)
    assert not np.array_equal(a, c) and not np.array_equal(split_a, split_c)


def test_no_global_random_state_is_touched(adata):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    python_before = random.getstate()
    model = fresh(adata)
    model.train(max_epochs=1, enable_progress_bar=False)
    model.get_activity()
    model.sample_activity(2)
    assert torch.equal(torch_before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002
    assert random.getstate() == python_before


def test_training_starts_from_the_data(adata):
    model = fresh(adata)
    untrained = model.module.decoder.loadings.detach().clone()
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False, plan_kwargs={"lr": 1e-9})
    assert bool(model.module.started)
    started = model.module.decoder.loadings
    assert not torch.allclose(started, untrained)
    # members of planted programs correlate, those of decoys do not
    real = torch.as_tensor(~model.is_decoy)[model.module.decoder.edges.program]
    assert started[real].median() > 3 * started[~real].median()
    # the start alone explains the data better than intercepts would: most of the gain is there before training
    assert np.abs(model.get_activity(refine=False)[:, :8]).mean() > 0.3


def test_data_are_looked_at_again(adata, changes, silent):
    """What was changed after they were registered is refused before anything is done."""

    def refused(model, match):
        digest, since = model.digest, changes(adata)
        with pytest.raises(ValueError, match=match):
            model.train(max_epochs=1)
        assert model.digest == digest and not model.is_trained_ and not since()

    adata.obs["size"] = 1.0
    cr.ProgramVAE.setup_anndata(adata, size_factor_key="size", batch_key="batch")
    model, counts = cr.ProgramVAE(adata), adata.X
    adata.X = counts / 3
    refused(model, "count")
    adata.X = counts
    adata.obs["size"] = np.nan
    refused(model, "size")
    adata.obs["size"] = 1.0
    with silent():
        model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)


def test_a_query_with_a_new_batch_is_trained_on_counts_alone(model, planted):
    query = planted.adata[:60].copy()
    query.obs["batch"] = "three"
    mapped = cr.ProgramVAE.load_query_data(query, model)
    counts, query.X = query.X, query.X * 0.5
    with pytest.raises(ValueError, match="count"):
        mapped.train(max_epochs=1)
    query.X = counts
    mapped.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    assert mapped.is_trained_


def test_training_goes_on_where_it_stopped(adata):
    model = fresh(adata)
    model.train(max_epochs=2, enable_progress_bar=False)
    loadings = model.module.decoder.loadings.detach().clone()
    validation = model.validation_indices
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False, plan_kwargs={"lr": 1e-9})
    torch.testing.assert_close(model.module.decoder.loadings.detach(), loadings, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(validation, model.validation_indices)
    assert len(model.history["elbo_train"]) == 3


def test_learning_rate_is_annealed(adata):
    model = fresh(adata)
    model.train(max_epochs=3, posterior_epochs=0, enable_progress_bar=False)
    rate = model.trainer.optimizers[0].param_groups[0]["lr"]
    assert rate == pytest.approx(0.01 * 1e-3, rel=0.05)
    # scvi-tools' warm-up would still be at 3 / 400
    assert float(model.trainer.lightning_module.kl_weight) == 1


def test_the_best_weights_are_those_that_the_best_metric_is_of(adata):
    class Remember(pl.Callback):
        def on_validation_end(self, _, plan):
            weights.append(plan.module.decoder.loadings.detach().clone())

    weights = []
    model = fresh(adata)
    model.train(
        max_epochs=4,
        posterior_epochs=0,
        batch_size=300,
        plan_kwargs={"lr": 0.05},
        callbacks=[Remember()],
    )
    best = int(model.history["elbo_validation"]["elbo_validation"].astype(float).argmin())
    assert best < 2, "an epoch too late would be kept as well"
    assert torch.equal(model.module.decoder.loadings, weights[best])


def test_callbacks_and_logger_serve_both_stages(adata):
    """But not those that watch what the second stage does not have."""

    class Look(pl.Callback):
        def on_train_start(self, trainer, plan):
            seen.append((plan.stage, trainer.logger, trainer.max_epochs))

    class Watch(pl.callbacks.EarlyStopping):
        def on_train_start(self, trainer, plan):
            watched.append(plan.stage)

    seen, watched = [], []
    logger = SimpleLogger()
    model = fresh(adata)
    callbacks = [Look(), Watch("elbo_validation")]
    model.train(max_epochs=3, posterior_epochs=2, callbacks=callbacks, logger=logger, enable_progress_bar=False)
    assert seen == [("Training", logger, 3), ("Posterior stage", logger, 2)]
    assert watched == ["Training"]
    assert {name: len(values) for name, values in model.history.items()} == {
        name: 2 if name.endswith("posterior") else 3 for name in logger.history
    }
    assert len(model.history["elbo_train"]) == 3 and len(model.history["reconstruction_loss_posterior"]) == 2


def test_both_stages_run_as_the_trainer_is_told_to(adata):
    class Look(pl.Callback):
        def on_train_start(self, trainer, plan):
            seen.append((torch.are_deterministic_algorithms_enabled(), trainer.gradient_clip_val, trainer.max_steps))

    seen = []
    options = {"deterministic": True, "gradient_clip_val": 5.0, "max_steps": 4, "callbacks": [Look()]}
    fresh(adata).train(max_epochs=3, posterior_epochs=1, enable_progress_bar=False, **options)
    assert seen == [(True, 5.0, 4), (True, 5.0, -1)]
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_holds_no_class_of_its_own(adata):
    """The plan of a stage is handed on, not put into the model."""
    model = fresh(adata)
    before = set(vars(model))
    model.train(max_epochs=1, posterior_epochs=1, enable_progress_bar=False)
    assert not {name for name in set(vars(model)) - before if name.endswith("_cls")}


def test_the_last_weights_are_kept_where_there_is_nothing_to_choose_by():
    """Also where the metric is NaN."""
    weights = torch.nn.Linear(1, 1, bias=False)
    plan = SimpleNamespace(module=weights)
    for losses, kept in (([3.0, 1.0, 2.0, math.nan], 1), ([math.nan, math.nan], 1), ([None, None, None], 2)):
        callback = KeepWeights()
        for epoch, loss in enumerate(losses):
            saved = callback.state_dict()
            callback = KeepWeights()
            callback.load_state_dict(saved)
            weights.weight.data.fill_(epoch)
            metrics = {} if loss is None else {"elbo_validation": torch.tensor(loss)}
            trainer = SimpleNamespace(callback_metrics=metrics, sanity_checking=False, current_epoch=epoch)
            callback.on_validation_end(trainer, plan)
            callback.on_train_epoch_end(trainer, plan)
        callback.on_fit_end(trainer, plan)
        assert weights.weight.item() == kept == callback.best_epoch


def test_early_stopping_stops(adata):
    model = fresh(adata)
    model.train(max_epochs=40, enable_progress_bar=False, plan_kwargs={"lr": 0.5}, early_stopping_patience=2)
    assert len(model.history["elbo_validation"]) < 40


def test_steps_that_end_before_the_first_validation(adata, silent):
    model = fresh(adata)
    with silent():
        model.train(max_steps=1, max_epochs=2, batch_size=300, posterior_epochs=0, enable_progress_bar=False)
    assert model.is_trained_ and model.trainer.global_step == 1 and "elbo_validation" not in model.history


def test_without_validation_cells_training_runs_through(adata, caplog):
    model = fresh(adata)
    with caplog.at_level("INFO", logger="crystallin"):
        model.train(max_epochs=2, train_size=1.0, enable_progress_bar=False)
    assert "no validation cells" in caplog.text
    assert len(model.history["elbo_train"]) == 2
    assert "elbo_validation" not in model.history


def test_last_minibatch_of_one_cell(adata):
    model = fresh(adata)
    parts = [np.arange(2 * 64 + 1), np.arange(129, 500), np.array([], dtype=int)]
    model.train(max_epochs=1, batch_size=64, datasplitter_kwargs={"external_indexing": parts})
    assert np.isfinite(model.get_activity()).all()
    assert np.isfinite(model.get_activity(batch_size=1, indices=[0])).all()


@pytest.mark.parametrize(
    ("n_obs", "batch_size", "epochs"), [(100, 128, 400), (10_000, 128, 8), (1_000_000, 128, 1), (10_000, 1024, 56)]
)
def test_default_epochs(n_obs, batch_size, epochs):
    assert default_epochs(n_obs, batch_size) == epochs


def test_split():
    rng = np.random.default_rng(0)
    train, validation, test = split_cells(101, 0.8, 0.1, shuffle=True, rng=rng)
    assert (len(train), len(validation), len(test)) == (81, 10, 10)
    assert sorted(np.concatenate([train, validation, test])) == list(range(101))
    train, validation, test = split_cells(10, None, None, shuffle=False, rng=rng)
    assert validation.tolist() == [0] and train.tolist() == list(range(1, 10)) and not len(test)
    with pytest.raises(ValueError, match="train_size=0"):
        split_cells(10, 0, None, shuffle=True, rng=rng)
    with pytest.raises(ValueError, match="validation_size=0.5 must lie between"):
        split_cells(10, 0.9, 0.5, shuffle=True, rng=rng)


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: not enough memory")]
)
def test_out_of_memory_names_minibatch_and_budget(adata, monkeypatch, error):
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)

    def fail(*_):
        raise error

    monkeypatch.setattr(model.module, "training_loss", fail)
    with pytest.raises(RuntimeError, match=r"batch_size=50 and device_budget=123456789"):
        model.train(max_epochs=1, batch_size=50, device_budget=123456789, enable_progress_bar=False)


def test_the_second_stage_raises_the_marginal_likelihood_and_narrows_the_intervals(planted):
    """Loadings are too small after the first stage; what is left out of them goes into the dispersions."""
    cr.pp.add_programs(planted.adata, planted.sets)
    cr.ProgramVAE.setup_anndata(planted.adata)
    one, two = cr.ProgramVAE(planted.adata), cr.ProgramVAE(planted.adata)
    one.train(max_epochs=60, posterior_epochs=0, enable_progress_bar=False)
    two.train(max_epochs=60, posterior_epochs=30, enable_progress_bar=False)
    assert "reconstruction_loss_posterior" not in one.history
    assert len(two.history["reconstruction_loss_posterior"]) == 30
    assert two.get_loadings().to_numpy().sum() > 1.05 * one.get_loadings().to_numpy().sum()
    inside = []
    for model in (one, two):
        activity, sd = model.get_activity(return_sd=True)
        inside.append((np.abs(activity - planted.activity) < 1.645 * sd).mean())
    assert abs(inside[1] - 0.9) < 0.06 and abs(inside[1] - 0.9) < abs(inside[0] - 0.9)


@pytest.mark.parametrize("kwargs", [{"gene_likelihood": "zinb"}, {"dispersion": "gene-batch"}, {"n_unannotated": 1}])
def test_the_second_stage_takes_every_model(adata, kwargs):
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    model = cr.ProgramVAE(adata, **kwargs)
    model.train(max_epochs=2, posterior_epochs=2, enable_progress_bar=False)
    assert np.isfinite(model.get_activity()).all()
    assert np.isfinite(model.history["reconstruction_loss_posterior"].to_numpy(dtype=float)).all()
