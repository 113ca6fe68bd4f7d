"""Models by name, from files and from the Hub."""

import importlib.util
import shutil

import huggingface_hub
import numpy as np
import pytest

import crystallin as cr
from crystallin import _load


@pytest.fixture(scope="module")
def _exported(_trained, tmp_path_factory):
    return _trained[1].export(tmp_path_factory.mktemp("exported") / "planted")


@pytest.fixture
def in_package(_exported, tmp_path, monkeypatch):
    """Models that come with the package."""
    models = tmp_path / "models"
    shutil.copytree(_exported, models / "planted")
    shutil.make_archive(str(models / "zipped"), "zip", _exported)
    (models / "__pycache__").mkdir()
    (models / "README.md").write_text("")
    monkeypatch.setattr(_load, "_models", lambda: models)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("form", [str, lambda path: path], ids=["str", "Path"])
def test_paths(_exported, model, adata, form):
    loaded = cr.load(form(_exported))
    assert type(loaded) is cr.ProgramVAE and loaded.adata is None
    np.testing.assert_array_equal(loaded.get_activity(adata), model.get_activity())


def test_models_of_the_package(in_package, model, tmp_path):
    for name in ("planted", "zipped"):
        assert cr.load(name).digest == model.digest
    # a folder with the same name has to be given as a path
    (tmp_path / "planted").mkdir()
    assert cr.load("planted").digest == model.digest
    with pytest.raises(ValueError, match="it has no model.json, but nothing"):
        cr.load("./planted")
    with pytest.raises(ValueError, match="it has no model.json, but nothing"):
        cr.load(tmp_path / "planted")


def test_every_model_of_the_package_can_be_loaded():
    for name in _load._in_package():
        assert cr.load(name).is_trained


@pytest.mark.parametrize("name", ["plantd", "/nowhere/planted.zip"])
def test_unknown_names(in_package, name):
    hint = "Did you mean 'planted'" if name == "plantd" else "Models that come"
    match = rf"no model or file '{name}'.*{hint}.*'planted', 'zipped'.*folder or .zip file.*hf://organisation/name"
    with pytest.raises(FileNotFoundError, match=match):
        cr.load(name)


def test_a_package_without_models(monkeypatch, tmp_path):
    monkeypatch.setattr(_load, "_models", lambda: tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="Models that come with crystallin: none"):
        cr.load("pbmc")


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        (3, TypeError, "source=3 is not the name of a model or a path"),
        ("", TypeError, "source='' is not"),
        ("https://example.org/model.zip", ValueError, "an address that cannot be read. Download the model first"),
        ("hf://name", ValueError, "not of the form"),
        ("hf://a/b/c", ValueError, "not of the form"),
        ("hf://a/b@", ValueError, "not of the form"),
    ],
)
def test_other_sources(source, error, match):
    with pytest.raises(error, match=match):
        cr.load(source)


def test_the_hub_needs_its_package(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(_load, "find_spec", lambda name: None if name == "huggingface_hub" else find_spec(name))
    with pytest.raises(ImportError, match=r"pip install 'crystallin\[hub\]'"):
        cr.load("hf://organisation/name")


def test_the_hub_is_asked_for_the_files_of_a_model_only(monkeypatch, _exported, model):
    asked = {}

    def snapshot_download(name, **kwargs):
        asked.update(kwargs, name=name)
        return str(_exported)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert cr.load("hf://organisation/name@v1.0").digest == model.digest
    files = ["weights.safetensors", "model.json", "README.md", "checksums.json"]
    assert asked == {"name": "organisation/name", "revision": "v1.0", "allow_patterns": files}


def test_without_a_connection(monkeypatch):
    class Failed(Exception):
        pass

    def snapshot_download(*_, **__):
        raise Failed("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    match = r"could not be downloaded.*\(Failed: no route to host\).*hf download organisation/name --local-dir folder.*"
    with pytest.raises(ConnectionError, match=match + r'crystallin.load\("folder"\)'):
        cr.load("hf://organisation/name")
