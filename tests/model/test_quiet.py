"""Training says nothing unless it is asked to."""

import io
import logging
import sys
import warnings

import lightning.pytorch as pl
import pytest

import crystallin as cr
from crystallin import _progress
from crystallin.model._quiet import quiet


@pytest.fixture
def fresh(adata):
    cr.ProgramVAE.setup_anndata(adata)
    return cr.ProgramVAE(adata)


def state():
    names = ("lightning", "lightning.pytorch", "lightning.fabric", "scvi", "crystallin")
    return [logging.getLogger(name).level for name in names], list(warnings.filters), warnings.showwarning


@pytest.mark.parametrize("kwargs", [{}, {"train_size": 0.514}, {"early_stopping_patience": 1, "batch_size": 60}])
def test_a_default_training_is_silent(fresh, capfd, caplog, kwargs):
    # as Lightning leaves it
    logging.getLogger("lightning.pytorch").setLevel(logging.INFO)
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        before = state()
        # 257 cells leave a last minibatch of one
        fresh.train(max_epochs=4, posterior_epochs=1, **{"plan_kwargs": {"lr": 0.5}} | kwargs)
        assert state() == before
    assert not caught and capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if not record.name.startswith("crystallin")]


def test_everything_is_put_back_when_training_fails(fresh, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(fresh.module, "training_loss", fail)
    before = state()
    with pytest.raises(ZeroDivisionError):
        fresh.train(max_epochs=1)
    assert state() == before


def test_what_others_say_is_heard(fresh):
    class Warn(pl.Callback):
        def on_train_start(self, *_):
            warnings.warn("mine", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="mine"):
        fresh.train(max_epochs=1, posterior_epochs=0, callbacks=[Warn()])
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    try:
        logger.setLevel(logging.DEBUG)
        with quiet():
            assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(before)


def test_a_bar_for_each_stage(fresh, capsys):
    fresh.train(max_epochs=2, posterior_epochs=1, enable_progress_bar=True)
    shown = capsys.readouterr()
    assert "Training: 100%" in shown.err and "2/2" in shown.err
    assert "Posterior stage: 100%" in shown.err and "1/1" in shown.err
    assert shown.out == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_is_for_someone_who_looks(fresh, monkeypatch):
    Notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    for stream, watched in ((io.StringIO(), False), (Terminal(), True), (Notebook(), True), (None, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert _progress.is_watched() == watched
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fresh.train(max_epochs=1, posterior_epochs=0)
    assert "Training" in terminal.getvalue()
    shown = terminal.getvalue()
    fresh.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    fresh.train(max_epochs=1, posterior_epochs=0, progress_bar_refresh_rate=0)
    assert terminal.getvalue() == shown


def test_bars_of_others(fresh, capfd):
    class Own(pl.callbacks.ProgressBar):
        def on_train_start(self, *_):
            seen.append(True)

    seen = []
    fresh.train(max_epochs=1, posterior_epochs=0, callbacks=Own())
    assert seen
    fresh.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=True, simple_progress_bar=False)
    shown = capfd.readouterr()
    assert "Epoch 0" in shown.out + shown.err


def test_a_long_pass_over_the_cells_shows_a_bar(model, capfd, monkeypatch):
    model.get_activity()
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(_progress, "is_watched", lambda: True)
    model.get_activity()
    # not long
    assert "Cells" not in capfd.readouterr().err
    monkeypatch.setattr(_progress, "DELAY", 0)
    before = model.get_activity(batch_size=100)
    out, err = capfd.readouterr()
    assert "Cells" in err and "/5 " in err and not out
    # minibatches are left to the caller in the same order
    monkeypatch.undo()
    assert (model.get_activity(batch_size=100) == before).all()
