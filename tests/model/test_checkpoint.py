"""Runs that were killed go on as if nothing had happened."""

import numpy as np
import pytest
import torch

import crystallin as cr
from crystallin.model._checkpoint import SaveState, joined, partial_file, read_checkpoint

SETTINGS = {"max_epochs": 3, "posterior_epochs": 2, "batch_size": 300, "plan_kwargs": {"lr": 0.05}}
N_EPOCHS = 5


class Killed(Exception):
    pass


@pytest.fixture
def killed(adata, tmp_path, monkeypatch):
    """A checkpoint of a run that was killed after some epochs, of both stages taken together."""
    path = tmp_path / "run.ckpt"

    def kill(after, *, while_writing=False, **kwargs):
        save, n = SaveState.on_train_epoch_end, 0

        def save_and_die(self, trainer, plan):
            nonlocal n
            n += 1
            if n > after and while_writing:
                partial_file(path).write_bytes(b"torn")
                raise Killed
            save(self, trainer, plan)
            if n == after and not while_writing:
                raise Killed

        monkeypatch.setattr(SaveState, "on_train_epoch_end", save_and_die)
        model = cr.ProgramVAE(adata)
        before = model.digest
        with pytest.raises(Killed):
            model.train(checkpoint=path, **SETTINGS | kwargs)
        assert model.digest == before and not model.is_trained_ and model.history is None
        monkeypatch.setattr(SaveState, "on_train_epoch_end", save)
        return path

    cr.ProgramVAE.setup_anndata(adata)
    return kill


@pytest.fixture
def uninterrupted(adata):
    """Train without interruption."""

    def train(**kwargs):
        cr.ProgramVAE.setup_anndata(adata)
        model = cr.ProgramVAE(adata)
        model.train(**SETTINGS | kwargs)
        return model

    return train


def assert_same(ours, theirs):
    for (name, one), other in zip(ours.module.state_dict().items(), theirs.module.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert ours.history.keys() == theirs.history.keys()
    for name, values in theirs.history.items():
        np.testing.assert_array_equal(ours.history[name].to_numpy(float), values.to_numpy(float), name)
        assert list(ours.history[name].index) == list(values.index)


def test_every_point_of_interruption_gives_the_same_weights(adata, killed, uninterrupted, caplog):
    """After each epoch, between the stages, in the second stage, after its last epoch."""
    whole = uninterrupted()
    best = whole.history["elbo_validation"]["elbo_validation"].astype(float).argmin()
    assert best < SETTINGS["max_epochs"] - 1, "the last weights would do"
    for after in range(1, N_EPOCHS + 1):
        path = killed(after)
        model = cr.ProgramVAE(adata)
        with caplog.at_level("INFO", logger="crystallin"):
            model.train(checkpoint=path, **SETTINGS)
        assert "continues from" in caplog.text
        assert_same(model, whole)
        assert not path.exists() and not partial_file(path).exists()


@pytest.mark.parametrize("after", [1, 3])
def test_killed_while_the_checkpoint_is_written(adata, killed, uninterrupted, after):
    path = killed(after, while_writing=True)
    model = cr.ProgramVAE(adata)
    model.train(checkpoint=path, **SETTINGS)
    assert_same(model, uninterrupted())
    assert not partial_file(path).exists()


def test_a_stage_that_stopped_early_gets_no_further_epoch(adata, killed, uninterrupted):
    stopping = {"max_epochs": 20, "early_stopping_patience": 1}
    whole = uninterrupted(**stopping)
    n_epochs = len(whole.history["elbo_validation"])
    assert n_epochs < 20
    for after in (n_epochs - 1, n_epochs):
        path = killed(after, **stopping)
        model = cr.ProgramVAE(adata)
        model.train(checkpoint=path, **SETTINGS | stopping)
        assert_same(model, whole)


def test_a_model_trained_further_keeps_its_history(adata, killed):
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, posterior_epochs=0)
    model.train(max_epochs=1, posterior_epochs=1)
    assert len(model.history["elbo_train"]) == len(model.history["elbo_validation"]) == 2
    assert len(joined(model.history, model.history)["elbo_train"]) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"torn"), "incomplete or not a checkpoint"),
        (lambda path: torch.save([1], path), "is not a checkpoint"),
        (lambda path: torch.save({"state_dict": {"module.px_r": torch.zeros(3)}}, path), "other data"),
    ],
)
def test_a_checkpoint_that_does_not_fit(adata, tmp_path, make, message):
    cr.ProgramVAE.setup_anndata(adata)
    path = tmp_path / "run.ckpt"
    make(path)
    with pytest.raises(ValueError, match=message):
        cr.ProgramVAE(adata).train(max_epochs=1, checkpoint=path)
    assert path.is_file()


def test_a_checkpoint_of_other_arguments_or_another_version(adata, killed):
    path = killed(4)
    with pytest.raises(ValueError, match="posterior_epochs=0 leaves out"):
        cr.ProgramVAE(adata).train(checkpoint=path, **SETTINGS | {"posterior_epochs": 0})
    saved = torch.load(path, weights_only=True)
    del saved["crystallin"]
    torch.save(saved, path)
    with pytest.raises(ValueError, match="another version"):
        read_checkpoint(path)
