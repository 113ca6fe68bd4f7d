"""Continuous covariates in any unit: standardised by the training cells, everywhere the model uses them."""

import numpy as np
import pytest
import torch

import crystallin as cr

KEYS = {"continuous_covariate_keys": ["age"]}


def trained(quick, adata, scale=1.0, shift=0.0):
    adata = adata.copy()
    adata.obs["age"] = adata.obs["age"] * scale + shift
    return quick(adata, setup=KEYS)


def test_units_do_not_matter(adata, quick):
    model = trained(quick, adata)
    decoder = model.module.decoder
    training = adata.obs["age"].to_numpy()[model.train_indices]
    np.testing.assert_allclose(decoder.continuous_mean, [training.mean()], rtol=1e-6)
    np.testing.assert_allclose(decoder.continuous_sd, [training.std()], rtol=1e-6)
    # years, and seconds since 1970
    for scale, shift in ((0.1, 2019), (86400.0, 1.7e9)):
        other = trained(quick, adata, scale, shift)
        np.testing.assert_allclose(other.get_activity(), model.get_activity(), atol=0.02)
        np.testing.assert_allclose(
            other.get_normalized_expression(indices=range(5), n_samples=1, return_numpy=True).sum(1), 1, rtol=1e-4
        )


def test_forward_pass_and_posterior_use_the_same_covariates(adata, quick):
    model = trained(quick, adata, 1000.0)
    module = model.module.eval()
    with torch.no_grad():
        module.decoder.continuous.fill_(0.3)
        module.decoder.continuous[:, ::2] = -0.3
        tensors = next(iter(model._make_data_loader(adata=model.adata, indices=range(4))))
        z = torch.zeros(4, module.n_latent)
        covariates, batch = tensors["extra_continuous_covs"], tensors["batch"]
        library = tensors["X"].sum(1, keepdim=True).log()
        _, _, rate, _ = module.decoder("gene", torch.cat([z, covariates], 1), library, batch)
        cells = module.posterior_cells(tensors)
        expected = cells.log_mean(z.T, module.decoder.weight()).exp()
    torch.testing.assert_close(rate.T, expected)
    # of the order of the loadings times a standardised covariate
    assert (module.decoder.offset(covariates, [batch]).std(1) < 1.5).all()


def test_a_query_is_standardised_by_the_reference(adata, quick, tmp_path):
    model = trained(quick, adata)
    query = model.adata[:20].copy()
    expected = model.get_activity(indices=range(20))
    mapped = cr.ProgramVAE.load_query_data(query, model)
    np.testing.assert_array_equal(mapped.get_activity(), expected)
    # a single donor
    query.obs["age"] = 40.0
    assert np.isfinite(model.get_activity(query)).all()
    cr.ProgramVAE.load_query_data(query, model)
    model.save(tmp_path / "model")
    again = cr.ProgramVAE.load(tmp_path / "model", model.adata.copy())
    np.testing.assert_array_equal(again.get_activity(), model.get_activity())


def test_models_saved_without_mean_and_sd_go_on_as_they_were(adata, quick, tmp_path):
    model = trained(quick, adata)
    model.save(tmp_path / "model")
    saved = torch.load(tmp_path / "model" / "model.pt", weights_only=False)
    for name in ("continuous_mean", "continuous_sd"):
        del saved["model_state_dict"][f"decoder.{name}"]
    torch.save(saved, tmp_path / "model" / "model.pt")
    old = cr.ProgramVAE.load(tmp_path / "model", model.adata.copy())
    assert old.module.decoder.continuous_mean.item() == 0
    assert old.module.decoder.continuous_sd.item() == 1


def test_a_model_without_covariates_has_none_of_this(model):
    assert not [name for name in model.module.state_dict() if "continuous_" in name]


@pytest.mark.parametrize(
    ("age", "match"),
    [
        (np.full(500, 40), "is 40 in all cells.*leave it out"),
        (1.7e9 + np.arange(500.0), r"single precision cannot represent. Subtract a constant"),
        (np.full(500, np.inf), "must hold finite numbers"),
        (np.arange(500) + 1j, "must hold finite numbers"),
    ],
)
def test_columns_that_say_nothing(adata, age, match):
    adata.obs["age"] = age
    with pytest.raises(ValueError, match=match):
        cr.ProgramVAE.setup_anndata(adata, **KEYS)
    assert not [key for key in adata.obs if key.startswith("_scvi")]


@pytest.mark.parametrize(("shift", "error"), [(300, False), (1e6, True)])
def test_covariates_in_other_units_are_noticed(adata, shift, error):
    cr.ProgramVAE.setup_anndata(adata, continuous_covariate_keys=["age"])
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    query = adata[:20].copy()
    query.obs["age"] += shift
    if error:
        with pytest.raises(ValueError, match="'age' is up to .* standard deviations from its mean.*same units"):
            model.get_activity(query)
    else:
        with pytest.warns(UserWarning, match="'age' is up to .* are extrapolated"):
            model.get_activity(query)
