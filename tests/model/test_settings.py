"""Whatever train would refuse at some time is refused at once, in words."""

import os
import re

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

import crystallin as cr
from crystallin.model import check_train_arguments
from crystallin.model._settings import check_training
from crystallin.model._split import check_parts

REFUSED = {
    # unknown names, and what was meant
    "epochs": ({"epochs": 3}, TypeError, "no argument 'epochs'. Use max_epochs="),
    "max_epoch": ({"max_epoch": 3}, TypeError, "Did you mean 'max_epochs'"),
    "batch": ({"batch": 64}, TypeError, "Use batch_size="),
    "lr": ({"lr": 1e-3}, TypeError, 'plan_kwargs={"lr": ...}'),
    "num_workers": ({"num_workers": 1}, TypeError, 'datasplitter_kwargs={"num_workers": ...}'),
    "random_state": ({"random_state": 1}, TypeError, "ProgramVAE(random_state=...)"),
    "trainer_config": ({"trainer_config": {"epochs": 3}}, TypeError, "max_epochs="),
    "nothing like it": ({"zebra": 1}, TypeError, "It takes accelerator, batch_size"),
    # whole numbers
    **{
        f"{name}={value}": ({name: value}, ValueError, f"{name}={value!r} must be a whole number of at least {minimum}")
        for name, minimum in (
            ("max_epochs", 1),
            ("batch_size", 1),
            ("posterior_epochs", 0),
            ("device_budget", 0),
            ("early_stopping_patience", 0),
            ("check_val_every_n_epoch", 1),
            ("accumulate_grad_batches", 1),
        )
        for value in (minimum - 1, -5, 2.5, "3", True)
    },
    # shares of the cells
    "train_size": ({"train_size": 0}, ValueError, "train_size=0"),
    "train_size as text": ({"train_size": "0.9"}, ValueError, "train_size='0.9'"),
    "validation_size": ({"validation_size": 0.5}, ValueError, "validation_size=0.5"),
    # the training plan
    "plan unknown": ({"plan_kwargs": {"weight_decy": 1}}, TypeError, "Did you mean 'weight_decay'"),
    "plan learning_rate": ({"plan_kwargs": {"learning_rate": 1}}, TypeError, 'Did you mean "lr"'),
    "plan elsewhere": ({"plan_kwargs": {"max_epochs": 1}}, TypeError, "Give it to train itself"),
    "plan no dict": ({"plan_kwargs": 1e-3}, TypeError, "plan_kwargs=0.001 must be a dictionary"),
    "plan lr": ({"plan_kwargs": {"lr": -1}}, ValueError, "lr=-1 must be a number above 0"),
    "plan lr as text": ({"plan_kwargs": {"lr": "1e-3"}}, ValueError, "lr='1e-3'"),
    "plan warm-up": ({"plan_kwargs": {"n_epochs_kl_warmup": -1}}, ValueError, "n_epochs_kl_warmup=-1"),
    "plan optimizer": ({"plan_kwargs": {"optimizer": "SGD"}}, ValueError, "'Adam', 'AdamW', 'Custom'"),
    "plan without effect": ({"plan_kwargs": {"update_only_decoder": True}}, ValueError, "no effect on this model"),
    "plan plateau": (
        {"plan_kwargs": {"reduce_lr_on_plateau": True}, "train_size": 1.0},
        ValueError,
        "needs validation cells",
    ),
    # the data splitter
    "splitter unknown": ({"datasplitter_kwargs": {"zebra": 1}}, TypeError, "datasplitter_kwargs has no 'zebra'"),
    "splitter elsewhere": ({"datasplitter_kwargs": {"batch_size": 1}}, TypeError, "Give it to train itself"),
    "splitter overlap": (
        {"datasplitter_kwargs": {"external_indexing": [[1, 2], [2]]}},
        ValueError,
        "Each cell may occur once",
    ),
    "splitter drops all": (
        {"datasplitter_kwargs": {"drop_last": True}, "batch_size": 480},
        ValueError,
        "leaves no minibatch",
    ),
    # devices
    "accelerator": ({"accelerator": "tpu"}, ValueError, "This machine has"),
    "no accelerator": (
        {"accelerator": "zebra"},
        ValueError,
        "accelerator='zebra' with devices='auto' is not available",
    ),
    "devices": ({"accelerator": "cpu", "devices": 0}, ValueError, "devices=0 is not available"),
    "devices as text": ({"accelerator": "cpu", "devices": "two"}, ValueError, "devices='two' is not available"),
    "precision": ({"precision": "bf16-mixed"}, ValueError, "precision='bf16-mixed' is not supported"),
    "double precision": ({"precision": 64}, ValueError, "single precision"),
    "strategy": ({"strategy": "zebra"}, ValueError, "strategy='zebra'"),
    # the rest of the trainer
    "clipping": ({"gradient_clip_val": "a"}, ValueError, "gradient_clip_val='a'"),
    "nothing to train on": ({"limit_train_batches": 0}, ValueError, "no minibatches to train on"),
    "no steps": ({"max_steps": 0}, ValueError, "max_steps=0 leaves no steps to train"),
    "steps": ({"max_steps": 1.5}, ValueError, "max_steps=1.5 must be a whole number"),
    "trial": ({"fast_dev_run": True}, ValueError, "fast_dev_run=True is not supported"),
    "overfitting": ({"overfit_batches": 1}, ValueError, "use max_epochs=1 and limit_train_batches=1"),
    "monitor": ({"early_stopping_monitor": "loss"}, ValueError, "'elbo_validation'"),
    "early_stopping": ({"early_stopping": "yes"}, ValueError, "must be True or False"),
    "callbacks": ({"callbacks": [3]}, TypeError, "lightning.pytorch.Callback"),
    "logger": ({"logger": "tensorboard"}, TypeError, "a Lightning logger"),
    "Lightning's own": ({"max_time": "x"}, ValueError, "Lightning does not accept max_time='x'"),
    "progress": ({"enable_progress_bar": "no"}, ValueError, "must be True or False"),
    "progress rate": ({"progress_bar_refresh_rate": 5}, ValueError, "progress_bar_refresh_rate=5"),
    # files
    "checkpoint suffix": ({"checkpoint": "run.pt"}, ValueError, "ending in .ckpt"),
    "checkpoint folder": ({"checkpoint": "nowhere/run.ckpt"}, ValueError, "in a folder that exists"),
    "checkpoint no name": ({"checkpoint": True}, ValueError, "ending in .ckpt"),
    "ckpt_path": ({"ckpt_path": "nowhere.ckpt"}, ValueError, "use checkpoint="),
    "datamodule": ({"datamodule": 3}, TypeError, "LightningDataModule"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_without_a_model(case):
    arguments, kind, message = REFUSED[case]
    with pytest.raises(kind, match=re.escape(message)):
        check_train_arguments(500, **arguments)


def test_train_refuses_the_same_before_any_work(adata):
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    before, digest, benchmark = dict(model.__dict__), model.digest, torch.backends.cudnn.benchmark
    for arguments, kind, message in REFUSED.values():
        with pytest.raises(kind, match=re.escape(message)):
            model.train(**arguments)
    assert model.__dict__ == before and model.digest == digest
    assert torch.backends.cudnn.benchmark == benchmark


PROCESS_SETTINGS = (
    lambda: torch.backends.cudnn.benchmark,
    torch.are_deterministic_algorithms_enabled,
    torch.is_deterministic_algorithms_warn_only_enabled,
    lambda: os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
)


@pytest.mark.parametrize("deterministic", [True, "warn"])
def test_deterministic_holds_for_the_training_alone(adata, monkeypatch, deterministic):
    def state():
        return [setting() for setting in PROCESS_SETTINGS]

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before, during = state(), []
    check_train_arguments(500, deterministic=deterministic)
    assert state() == before
    with pytest.raises(ValueError, match="max_time"):
        check_train_arguments(500, deterministic=deterministic, max_time="x")
    assert state() == before

    class Look(pl.Callback):
        def on_train_start(self, *_):
            during.append(torch.are_deterministic_algorithms_enabled())

    cr.ProgramVAE.setup_anndata(adata)
    cr.ProgramVAE(adata).train(max_epochs=1, posterior_epochs=0, deterministic=deterministic, callbacks=[Look()])
    assert during == [True] and state() == before


def test_process_settings_of_others_are_put_back(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        for deterministic in (True, False):
            check_train_arguments(500, deterministic=deterministic)
            assert torch.is_deterministic_algorithms_warn_only_enabled()
            assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_model_without_data_asks_for_them(model, tmp_path):
    model.save(tmp_path / "model")
    empty = cr.ProgramVAE.load(tmp_path / "model", adata=False)
    for max_epochs in (2, None):
        with pytest.raises(ValueError, match="has no data to train on. Load it with its AnnData"):
            empty.train(max_epochs=max_epochs)


def test_minified_data_are_refused(adata, quick):
    model = quick()
    adata.obsm["X_latent_qzm"], adata.obsm["X_latent_qzv"] = model.get_latent_representation(return_dist=True)
    model.minify_adata()
    with pytest.raises(ValueError, match="are minified, so there are no counts to train on"):
        model.train(max_epochs=1)
    with pytest.raises(ValueError, match="are minified"):
        check_train_arguments(model.adata)


def test_accepted():
    check_train_arguments(500)
    settings = check_training(
        500,
        0,
        max_epochs=np.int64(8),
        batch_size=64,
        plan_kwargs={"lr": np.float32(1e-2), "optimizer": "AdamW"},
        trainer_config={"gradient_clip_val": 1.0, "check_val_every_n_epoch": 2},
        early_stopping_patience=3,
        precision="32-true",
        callbacks=None,
        enable_progress_bar=False,
    )
    assert (settings.max_epochs, settings.posterior_epochs, settings.n_validation) == (8, 4, 50)
    assert settings.early_stopping["patience"] == 3 and not settings.show_progress
    assert settings.trainer_kwargs["gradient_clip_val"] == 1.0
    assert check_training(500, 0, train_size=1.0).early_stopping is None
    assert check_training(500, 0, limit_val_batches=0).early_stopping is None


@pytest.mark.parametrize(
    ("strategy", "devices", "expected"),
    [
        ("auto", 1, "auto"),
        ("auto", 2, "ddp_find_unused_parameters_true"),
        ("ddp", 2, "ddp_find_unused_parameters_true"),
        ("ddp_spawn", 2, "ddp_spawn_find_unused_parameters_true"),
        ("ddp_find_unused_parameters_false", 2, "ddp_find_unused_parameters_false"),
    ],
)
def test_several_devices_go_by_a_name_that_scvi_tools_knows(strategy, devices, expected):
    settings = check_training(500, 0, accelerator="cpu", devices=devices, strategy=strategy)
    assert settings.trainer_kwargs["strategy"] == expected


def test_parts():
    train, validation, test = check_parts([np.array([3, 1]), None], 5)
    assert train.tolist() == [3, 1] and not len(validation) and not len(test)
    for parts in ("abc", [], [[0]] * 4, [[0.5]], [[]], [[5]], [[-1]], [[[1]]], {0: 1}):
        with pytest.raises(ValueError, match="external_indexing must be a list of arrays"):
            check_parts(parts, 5)
