"""Ctrl-C while training."""

import os
import signal

import lightning.pytorch as pl
import pytest
import torch

import crystallin as cr


class Interrupt(pl.Callback):
    """Press Ctrl-C in an epoch, in a given hook; a second time while the first is dealt with."""

    def __init__(self, epoch, hook="on_train_batch_end", *, twice=False, key=False):
        self.epoch, self.twice, self.key, self.weights = epoch, twice, key, []
        setattr(self, hook, self.press)

    def press(self, trainer, *_):
        if trainer.current_epoch == self.epoch:
            if self.key:
                os.kill(os.getpid(), signal.SIGINT)
            raise KeyboardInterrupt

    def on_validation_end(self, _, plan):
        self.weights.append(plan.module.decoder.loadings.detach().clone())

    def on_exception(self, *_):
        if self.twice:
            raise KeyboardInterrupt


@pytest.fixture
def fresh(adata):
    cr.ProgramVAE.setup_anndata(adata)
    return cr.ProgramVAE(adata)


@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("hook", ["on_train_epoch_start", "on_train_batch_end"])
def test_the_best_epoch_is_kept(fresh, caplog, hook, key):
    handler = signal.getsignal(signal.SIGINT)
    interrupt = Interrupt(2, hook, key=key)
    fresh.train(max_epochs=5, batch_size=300, plan_kwargs={"lr": 0.05}, callbacks=[interrupt])
    values = fresh.history["elbo_validation"]["elbo_validation"].astype(float)
    assert len(values) == 2 and values[0] < values[1]
    assert torch.equal(fresh.module.decoder.loadings, interrupt.weights[0])
    assert fresh.is_trained_ and fresh.get_activity().shape == (500, 16)
    # no second stage
    assert "reconstruction_loss_posterior" not in fresh.history
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "epoch 3 of 5" in record.message and "epoch 1" in record.message and record.name.startswith("crystallin")
    assert signal.getsignal(signal.SIGINT) is handler


def test_without_validation_the_last_complete_epoch_is_kept(fresh):
    interrupt = Interrupt(1)
    fresh.train(max_epochs=5, train_size=1.0, batch_size=300, callbacks=[interrupt])
    assert fresh.is_trained_ and len(fresh.history["elbo_train"]) == 1


@pytest.mark.parametrize(("epoch", "twice"), [(0, False), (2, True)])
@pytest.mark.parametrize("trained", [False, True])
def test_too_early_or_twice_leaves_the_model_as_it_was(fresh, epoch, twice, trained):
    if trained:
        fresh.train(max_epochs=1, posterior_epochs=0)
    before, digest, training = dict(fresh.__dict__), fresh.digest, fresh.module.training
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fresh.train(max_epochs=5, callbacks=[Interrupt(epoch, twice=twice)])
    assert fresh.digest == digest and fresh.module.training == training
    assert fresh.__dict__.keys() == before.keys()
    assert all(fresh.__dict__[name] is value for name, value in before.items())
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("n_steps", [0, 5])
def test_in_the_second_stage(fresh, monkeypatch, caplog, n_steps):
    """Two minibatches an epoch: interrupted in its first and in its third epoch."""
    seen, loss = [], fresh.module.posterior_loss

    def press(*args):
        seen.append(fresh.module.decoder.loadings.detach().clone())
        if len(seen) > n_steps:
            raise KeyboardInterrupt
        return loss(*args)

    monkeypatch.setattr(fresh.module, "posterior_loss", press)
    fresh.train(max_epochs=1, posterior_epochs=4, batch_size=60)
    assert fresh.is_trained_ and len(fresh.history["elbo_train"]) == 1
    # as they were when the last complete epoch ended: before its first step, or the fifth
    assert torch.equal(fresh.module.decoder.loadings, seen[4 if n_steps else 0])
    assert "Posterior stage was interrupted" in caplog.text
    assert ("epoch 2" if n_steps else "from before this stage") in caplog.text


def test_fit_returns_a_model(planted):
    model = cr.fit(planted.adata, planted.sets, max_epochs=3, callbacks=[Interrupt(1)])
    assert model.is_trained_ and cr.get.activity(planted.adata).n_obs == 500


def test_a_run_with_a_checkpoint_can_go_on(fresh, adata, tmp_path):
    path = tmp_path / "run.ckpt"
    settings = {"max_epochs": 3, "posterior_epochs": 1, "batch_size": 300, "checkpoint": path}
    fresh.train(callbacks=[Interrupt(1)], **settings)
    assert path.is_file()
    fresh.train(**settings)
    whole = cr.ProgramVAE(adata)
    whole.train(**settings)
    assert fresh.digest == whole.digest and len(fresh.history["elbo_train"]) == 3


def test_a_failure_leaves_the_model_as_it_was(fresh, capsys):
    class Fail(pl.Callback):
        def on_validation_end(self, *_):
            raise ZeroDivisionError

    digest = fresh.digest
    with pytest.raises(ZeroDivisionError):
        fresh.train(max_epochs=2, callbacks=[Fail()])
    assert fresh.digest == digest and not fresh.is_trained_ and fresh.history is None
    assert capsys.readouterr().out == ""
