"""What comes from scvi-tools works with this model."""

import anndata
import numpy as np
import pytest
import torch
from scvi.dataloaders import DataSplitter

import crystallin as cr


def test_save_and_load_with_data(model, result, tmp_path, capsys):
    model.save(tmp_path / "model")
    again = cr.ProgramVAE.load(tmp_path / "model", result)
    np.testing.assert_array_equal(again.get_activity(), model.get_activity())
    assert again.program_names.tolist() == model.program_names.tolist()
    assert again.init_params_["non_kwargs"]["gene_likelihood"] == "nb"
    capsys.readouterr()
    # returned, where scvi-tools prints it
    assert repr(again) == "ProgramVAE with 16 programs (8 decoys) on 240 genes; trained on 500 cells"
    assert capsys.readouterr().out == ""


def test_save_and_load_with_the_data_in_the_folder(model, tmp_path):
    model.save(str(tmp_path / "model"), save_anndata=True)
    again = cr.ProgramVAE.load(str(tmp_path / "model"))
    np.testing.assert_array_equal(again.get_activity(), model.get_activity())


def test_load_without_data(model, result, tmp_path):
    model.save(tmp_path / "model", prefix="mine_")
    again = cr.ProgramVAE.load(tmp_path / "model", False, prefix="mine_")
    assert again.adata is None
    with pytest.raises(ValueError, match="The model has no data. Give adata="):
        again.get_activity()
    np.testing.assert_array_equal(again.get_loadings(), model.get_loadings())
    np.testing.assert_array_equal(again.get_activity(result), model.get_activity())


def test_a_saved_model_holds_no_class_of_ours(model, tmp_path):
    model.save(tmp_path / "model")
    saved = torch.load(tmp_path / "model" / "model.pt", weights_only=False)

    def classes(value):
        yield type(value)
        if isinstance(value, dict):
            for item in value.values():
                yield from classes(item)

    assert not [kind for kind in classes(saved["attr_dict"]) if kind.__module__.startswith("crystallin")]


@pytest.fixture
def query(planted):
    """New cells of an old and a new batch."""
    adata = planted.adata[:60].copy()
    adata.obs_names = [f"query{i}" for i in range(60)]
    adata.obs["batch"] = np.where(np.arange(60) < 20, "one", "three")
    return adata


@pytest.mark.parametrize("from_folder", [True, False])
def test_query_leaves_the_reference_as_it_was(model, query, tmp_path, from_folder):
    before = model.get_activity()
    reference = model
    if from_folder:
        model.save(tmp_path / "model")
        reference = tmp_path / "model"
    mapped = cr.ProgramVAE.load_query_data(query, reference)
    old_rows = mapped.module.decoder.categorical[0][:2].detach().clone()
    new_row = mapped.module.decoder.categorical[0][2].detach().clone()
    np.testing.assert_allclose(new_row, old_rows.mean(0), rtol=1e-6)
    mapped.train(max_epochs=3, enable_progress_bar=False)
    np.testing.assert_array_equal(before, model.get_activity())
    # the query's model itself still gives the reference's cells the same activities
    trained = {name for name, parameter in mapped.module.named_parameters() if parameter.requires_grad}
    assert trained == {"decoder.categorical.0", "z_encoder.batch_shift"}
    assert torch.equal(mapped.module.z_encoder.batch_shift[:2], model.module.z_encoder.batch_shift)
    assert torch.equal(mapped.module.decoder.categorical[0][:2], old_rows)
    assert not torch.equal(mapped.module.decoder.categorical[0][2], new_row)
    state = model.module.state_dict()
    for name, value in mapped.module.state_dict().items():
        if name not in trained:
            assert torch.equal(value, state[name]), name


def test_query_of_a_known_batch_gives_the_reference_activities(model, planted):
    query = planted.adata[:40].copy()
    mapped = cr.ProgramVAE.load_query_data(query, model)
    np.testing.assert_array_equal(mapped.get_activity(), model.get_activity(indices=range(40)))
    with pytest.raises(ValueError, match="There is nothing to train"):
        mapped.train(max_epochs=1)


def test_query_activities_go_into_a_query_without_programs(model, query):
    mapped = cr.ProgramVAE.load_query_data(query, model)
    mapped.train(max_epochs=1, enable_progress_bar=False)
    cr.tl.activity(query, mapped)
    acts = cr.get.activity(query)
    assert acts.shape == (60, 8)
    assert list(acts.var_names) == list(model.program_names[:8])


def test_query_with_new_dispersion_rows_and_unfrozen(adata, quick, query):
    reference = quick(setup={"batch_key": "batch"}, dispersion="gene-batch")
    mapped = cr.ProgramVAE.load_query_data(query, reference, unfrozen=True)
    torch.testing.assert_close(mapped.module.px_r[:, 2], reference.module.px_r.mean(1))
    mapped.train(max_epochs=1, enable_progress_bar=False)
    assert not torch.equal(mapped.module.decoder.loadings, reference.module.decoder.loadings)


def test_prepared_query_may_have_other_genes(model, query):
    other = query[:, ::-1][:, 5:].copy()
    with pytest.raises(ValueError, match="lacks 5 of the model's 240 genes.*prepare_query_anndata"):
        cr.ProgramVAE.load_query_data(other, model)
    with pytest.warns(UserWarning, match=r"5 of the model's 240 genes are not in adata.*'g235'.*Program/7"):
        cr.ProgramVAE.prepare_query_anndata(other, model)
    with pytest.warns(UserWarning, match="5 gene"):
        cr.ProgramVAE.load_query_data(other, model)


def test_minified(adata, quick):
    model = quick()
    mean, var = model.get_latent_representation(return_dist=True)
    encoded = model.get_activity(refine=False)
    adata.obsm["X_latent_qzm"], adata.obsm["X_latent_qzv"] = mean, var
    expression = model.get_normalized_expression(indices=[0], n_samples=1)
    model.minify_adata()
    np.testing.assert_allclose(model.get_activity(refine=False), encoded, rtol=1e-5)
    assert model.get_normalized_expression(indices=[0]).shape == expression.shape
    with pytest.raises(ValueError, match="refined posterior needs counts.*refine=False"):
        model.get_activity()
    with pytest.raises(ValueError, match="needs counts"):
        model.get_posterior_covariance()


def test_minified_save_and_load(adata, quick, tmp_path):
    model = quick()
    adata.obsm["X_latent_qzm"], adata.obsm["X_latent_qzv"] = model.get_latent_representation(return_dist=True)
    model.minify_adata()
    encoded = model.get_activity(refine=False)
    model.save(tmp_path / "model", save_anndata=True)
    again = cr.ProgramVAE.load(tmp_path / "model")
    np.testing.assert_array_equal(again.get_activity(refine=False), encoded)


def test_backed(adata, quick, tmp_path):
    in_memory = quick().get_activity()
    adata.write_h5ad(tmp_path / "data.h5ad")
    backed = anndata.read_h5ad(tmp_path / "data.h5ad", backed="r")
    model = quick(backed)
    from_disk = model.get_activity()
    backed.file.close()
    np.testing.assert_array_equal(from_disk, in_memory)


class Minibatches(DataSplitter):
    """A datamodule that is not the one scvi-tools makes itself, for which it would look into ``model.adata``."""

    n_obs = 500


def test_datamodule(adata):
    """Without AnnData: registry, prior and a Lightning datamodule of minibatches."""
    cr.ProgramVAE.setup_anndata(adata)
    with_data = cr.ProgramVAE(adata)
    # the second stage makes its own, larger minibatches where it can
    with_data.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    manager = with_data.adata_manager
    parts = [with_data.train_indices, with_data.validation_indices, np.array([], dtype=int)]
    model = cr.ProgramVAE(registry=manager.registry, prior=with_data.init_params_["non_kwargs"]["prior"])
    model.train(
        max_epochs=1,
        posterior_epochs=0,
        datamodule=Minibatches(manager, external_indexing=parts, batch_size=128),
        enable_progress_bar=False,
    )
    loader = with_data._make_data_loader(adata=adata)
    activity = model.get_activity(dataloader=loader)
    np.testing.assert_allclose(activity, with_data.get_activity(dataloader=loader), atol=1e-5)
    # without data the average cell is that of the first minibatch
    np.testing.assert_allclose(activity, with_data.get_activity(), atol=0.05)
    with pytest.raises(ValueError, match="needs prior="):
        cr.ProgramVAE(registry=manager.registry)


def test_gene_level_differential_expression(model):
    table = model.differential_expression(
        groupby="cell_type", group1="type 0", group2="type 1", silent=True, mode="change"
    )
    assert len(table) == 240
    assert {"lfc_mean", "proba_de"} <= set(table.columns)


# scvi-tools calls numpy functions on tensors
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_history_and_criticism(model):
    assert {"elbo_train", "elbo_validation", "kl_local_train"} <= set(model.history)
    assert np.isfinite(model.get_elbo())
    assert np.isfinite(model.get_marginal_ll(indices=range(20), n_mc_samples=5))
    assert model.posterior_predictive_sample(indices=range(3), n_samples=2).shape[:2] == (3, 240)


def test_cells_are_named_as_elsewhere(model):
    expected = model.get_latent_representation(indices=[7, 2])
    np.testing.assert_array_equal(model.get_latent_representation(indices=["cell7", "cell2"]), expected)
    with pytest.raises(ValueError, match="indices is empty"):
        model.get_latent_representation(indices=[])
    with pytest.raises(ValueError, match="no cell at position 500"):
        model.get_normalized_expression(indices=[500])


# scvi-tools 1.5 says so of a loader that it makes itself
@pytest.mark.filterwarnings("ignore:Using .* after custom Dataloader was initialize is redundant")
def test_differential_abundance_of_other_data_is_written_there(model, planted, changes):
    planted.adata.obs["sample"] = [f"s{i % 3}" for i in range(planted.adata.n_obs)]
    since = changes(planted.adata)
    model.differential_abundance(planted.adata, sample_key="sample")
    assert since() == {"obsm['da_log_probs']"}
    assert planted.adata.obsm["da_log_probs"].shape == (500, 3)
