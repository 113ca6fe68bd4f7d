"""A copy of a model, by whatever way, is a model."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import torch

import crystallin as cr


def by_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


WAYS = {
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "joblib": by_joblib,
    "deepcopy": lambda model, _: copy.deepcopy(model),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_trained_model(model, tmp_path, way):
    expected, digest = model.get_activity(), model.digest
    twin = WAYS[way](model, tmp_path)
    np.testing.assert_array_equal(twin.get_activity(), expected)
    assert twin.history.keys() == model.history.keys() and twin.adata is not model.adata
    # it stands on its own
    twin.train(max_epochs=1, posterior_epochs=0)
    assert twin.digest != digest == model.digest
    np.testing.assert_array_equal(model.get_activity(), expected)
    cr.tl.activity(twin.adata, twin)
    cr.ProgramVAE(twin.adata)
    twin.save(tmp_path / "saved")
    np.testing.assert_array_equal(
        cr.ProgramVAE.load(tmp_path / "saved", twin.adata).get_activity(), twin.get_activity()
    )


@pytest.mark.parametrize("way", WAYS)
def test_an_untrained_model(adata, tmp_path, way):
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    twin = WAYS[way](model, tmp_path)
    assert not twin.is_trained_
    for each in (model, twin):
        each.train(max_epochs=1, posterior_epochs=0)
    assert twin.digest == model.digest


def test_in_another_process_nothing_is_registered(model, monkeypatch):
    saved = pickle.dumps(model)
    monkeypatch.setattr(cr.ProgramVAE, "_setup_adata_manager_store", {})
    monkeypatch.setattr(cr.ProgramVAE, "_per_instance_manager_store", {})
    twin = pickle.loads(saved)
    np.testing.assert_array_equal(twin.get_activity(), model.get_activity(twin.adata))
    cr.ProgramVAE(twin.adata)


@pytest.mark.parametrize("way", WAYS)
def test_a_query_keeps_what_the_reference_learned(model, planted, tmp_path, way):
    query = planted.adata[:60].copy()
    query.obs["batch"] = "three"
    mapped = cr.ProgramVAE.load_query_data(query, model)
    twin = WAYS[way](mapped, tmp_path)
    twin.train(max_epochs=1, posterior_epochs=0)
    before, after = (each.module.decoder for each in (model, twin))
    assert torch.equal(after.categorical[0][:2], before.categorical[0]) and torch.equal(after.loadings, before.loadings)
    assert not torch.equal(after.categorical[0][2], mapped.module.decoder.categorical[0][2])


def test_without_data(model, tmp_path):
    model.save(tmp_path / "model")
    twin = copy.deepcopy(cr.ProgramVAE.load(tmp_path / "model", False))
    np.testing.assert_array_equal(twin.get_loadings(), model.get_loadings())
