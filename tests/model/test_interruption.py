"""Ctrl-C while training."""

import os
import re
import signal
import threading

import lightning.pytorch as pl
import pytest
import torch

import crystallin as cr
from crystallin import ProgramVAE
from crystallin.model._callbacks import KeepWeights
from crystallin.model._checkpoint import SaveState
from crystallin.model._interrupts import interrupts_deferred
from crystallin.model._resident import ProgramDataSplitter
from crystallin.model._runner import ProgramTrainRunner


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


STAGES = {"max_epochs": 2, "posterior_epochs": 1, "batch_size": 300}
# where Ctrl-C is pressed, which call of it that is, and whether before or after it; what the model is left with
MOMENTS = {
    "the best weights are remembered": (KeepWeights, "on_validation_end", 2, "after", "first stage"),
    "before they are put back": (KeepWeights, "on_fit_end", 1, "before", "first stage"),
    "after they were put back": (KeepWeights, "on_fit_end", 1, "after", "first stage"),
    "the first stage is torn down": (ProgramDataSplitter, "teardown", 1, "after", "first stage"),
    "its history is written": (ProgramTrainRunner, "_update_history", 1, "before", "first stage"),
    "its history was written": (ProgramTrainRunner, "_update_history", 1, "after", "first stage"),
    "it is done": (ProgramTrainRunner, "_run_training_core", 1, "after", "first stage"),
    "the second stage is prepared": (ProgramVAE, "_stage_arguments", 2, "before", "first stage"),
    "its data are prepared": (ProgramDataSplitter, "__init__", 2, "before", "first stage"),
    "its trainer is prepared": (ProgramTrainRunner, "__init__", 2, "before", "first stage"),
    "its data are set up": (ProgramDataSplitter, "setup", 2, "after", "first stage"),
    "its weights were put back": (KeepWeights, "on_fit_end", 2, "after", "both stages"),
    "the second stage is torn down": (ProgramDataSplitter, "teardown", 2, "before", "both stages"),
    "the whole history is written": (ProgramTrainRunner, "_update_history", 2, "before", "both stages"),
    "all is done": (ProgramTrainRunner, "_run_training_core", 2, "after", "both stages"),
}


@pytest.fixture(scope="module")
def uninterrupted(_planted):
    """Weights and numbers of epochs of the first stage, and of both."""

    def train(posterior_epochs):
        adata = _planted.adata.copy()
        cr.pp.add_programs(adata, _planted.sets, n_decoys=8)
        cr.ProgramVAE.setup_anndata(adata)
        model = cr.ProgramVAE(adata)
        model.train(**STAGES | {"posterior_epochs": posterior_epochs})
        return weights_of(model), lengths(model.history)

    return {"first stage": train(0), "both stages": train(1)}


def weights_of(model):
    return torch.cat([value.detach().double().flatten() for value in model.module.state_dict().values()])


def lengths(history):
    return {name: len(values) for name, values in history.items()}


def press_at(monkeypatch, owner, name, call, side, press):
    seen, original = [], getattr(owner, name)

    def method(*args, **kwargs):
        seen.append(None)
        if len(seen) == call and side == "before":
            press()
        result = original(*args, **kwargs)
        if len(seen) == call and side == "after":
            press()
        return result

    monkeypatch.setattr(owner, name, method)


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def raise_at_once():
    raise KeyboardInterrupt


@pytest.mark.parametrize("press", [ctrl_c, raise_at_once])
@pytest.mark.parametrize("moment", MOMENTS)
def test_at_any_moment_what_was_trained_is_kept(fresh, monkeypatch, caplog, uninterrupted, moment, press):
    *where, left = MOMENTS[moment]
    weights, epochs = uninterrupted[left]
    handler = signal.getsignal(signal.SIGINT)
    press_at(monkeypatch, *where, press)
    fresh.train(**STAGES)
    assert fresh.is_trained_ and torch.equal(weights_of(fresh), weights)
    assert not fresh.module.training and "_training_plan_cls" not in fresh.__dict__
    assert len(fresh.train_indices) == 450 and len(fresh.validation_indices) == 50
    if moment != "the best weights are remembered":
        assert lengths(fresh.history) == epochs
    (message,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "The best weights so far are kept" in message
    for epoch, of in re.findall(r"epoch (\d+) of (\d+)", message):
        assert int(epoch) <= int(of)
    assert signal.getsignal(signal.SIGINT) is handler


def test_before_a_run_goes_on_from_its_checkpoint(fresh, adata, monkeypatch, tmp_path):
    """The weights of the new model are none of those that were trained."""
    settings = STAGES | {"posterior_epochs": 2, "checkpoint": tmp_path / "run.ckpt"}
    with monkeypatch.context() as patch:
        press_at(patch, SaveState, "on_train_epoch_end", 3, "after", raise_at_once)
        fresh.train(**settings)
    other = cr.ProgramVAE(adata)
    digest = other.digest
    with monkeypatch.context() as patch:
        press_at(patch, ProgramDataSplitter, "setup", 1, "after", ctrl_c)
        with pytest.raises(KeyboardInterrupt, match="before the first epoch of this run was complete"):
            other.train(**settings)
    assert not other.is_trained_ and other.digest == digest
    other.train(**settings)
    assert other.is_trained_ and lengths(other.history)["reconstruction_loss_posterior"] == 2


def test_twice_in_the_second_stage_keeps_the_first(fresh, caplog, uninterrupted, monkeypatch):
    class Press(pl.Callback):
        def on_train_batch_start(self, *_):
            raise KeyboardInterrupt

        def on_exception(self, *_):
            raise KeyboardInterrupt

    arguments = fresh._stage_arguments

    def with_callback(plan, *args, **kwargs):
        given = arguments(plan, *args, **kwargs)
        if plan.stage == "Posterior stage":
            given["callbacks"].append(Press())
        return given

    monkeypatch.setattr(fresh, "_stage_arguments", with_callback)
    fresh.train(**STAGES)
    assert torch.equal(weights_of(fresh), uninterrupted["first stage"][0])
    assert "Posterior stage was interrupted twice. The best weights" in caplog.text


def test_a_deferred_interrupt_reaches_its_handler(monkeypatch):
    seen = []
    handler = signal.signal(signal.SIGINT, lambda *_: seen.append("handled"))
    try:
        with interrupts_deferred():
            ctrl_c()
            seen.append("end of the block")
    finally:
        signal.signal(signal.SIGINT, handler)
    assert seen == ["end of the block", "handled"]
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        ctrl_c()


def test_nothing_is_deferred_in_other_threads():
    done = []

    def work():
        with interrupts_deferred():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


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
