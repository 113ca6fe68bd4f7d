"""Programs that need genes which a query does not measure are not read; genes not seen by chance do no harm."""

import os
from pathlib import Path

import numpy as np
import pytest

import crystallin as cr
from crystallin.model._unmeasured import silent, without


def members(model, program):
    return model.prior[:, list(model.program_names).index(program)].nonzero()[0]


def of_totals(module, totals, n_cells):
    return without(module, silent(module, totals), totals.sum() / n_cells)


@pytest.fixture
def silenced(planted, model):
    """Most members of a program, and a few of others with them, have no counts."""
    counts = planted.adata.X.toarray()
    counts[:, members(model, "Program/1")] = 0
    planted.adata.X = counts
    return planted.adata


def test_a_program_that_lost_its_genes_is_not_read(model, silenced, planted):
    with pytest.warns(UserWarning) as caught:
        activity, sd = model.get_activity(silenced, return_sd=True)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "Activities are NaN, because most of the weight is on these genes: 'Program/1' (100 %)" in message
    assert "train a model on the genes" in message
    lost = list(model.program_names).index("Program/1")
    assert np.isnan(activity[:, lost]).all()
    assert np.isnan(sd[:, lost]).all()
    others = [i for i in range(8) if i != lost]
    assert np.isfinite(activity[:, others]).all()
    with pytest.warns(UserWarning, match="Program/1"):
        samples = model.sample_activity(3, silenced, range(4))
    assert np.isnan(samples[..., lost]).all()
    assert np.isfinite(samples[..., others]).all()


def test_one_warning_for_a_reading(model, silenced):
    reading = model.reading(silenced)
    with pytest.warns(UserWarning, match="Program/1") as caught:
        for cells in (range(10), range(10, 20)):
            assert np.isnan(model.get_activity(reading, cells)).any()
    assert len(caught) == 1


def test_a_query_model_is_no_way_around(model, silenced):
    with pytest.warns(UserWarning, match="have no counts"):
        mapped = cr.ProgramVAE.load_query_data(silenced, model)
    with pytest.warns(UserWarning, match="'Program/1' .100 %."):
        assert np.isnan(mapped.get_activity()).any()


def test_half_of_the_weight_is_the_limit(model):
    """Shares are those of squared loadings times information, worked out by hand."""
    module = model.module
    shares = np.expm1(module.z_encoder.mean.numpy()) / 1e4
    depth, loadings = 1500.0, model.get_loadings().to_numpy()[:, 0]
    rate = depth * shares
    weight = loadings**2 * rate / (1 + rate / module.px_r.exp().detach().numpy())
    order = np.argsort(-weight)
    gone = np.zeros(240, dtype=bool)
    gone[order[:2]] = True
    missing = without(module, gone, depth)
    np.testing.assert_allclose(missing.lost[0], weight[order[:2]].sum() / weight.sum(), rtol=1e-4)
    assert missing.withheld.tolist() == (missing.lost > 0.5).tolist()


def test_genes_too_rare_to_be_missed(model):
    totals = np.zeros(240)
    # as many counts as let just those genes be missed that make up more than 30 of them
    shares = np.expm1(model.module.z_encoder.mean.double().numpy()) / 1e4
    totals[0] = 30 / np.median(shares)
    missing = of_totals(model.module, totals, 100)
    np.testing.assert_array_equal(missing.genes[1:], (shares >= np.median(shares))[1:])


def test_prepared_queries_name_the_programs_at_once(model, planted, tmp_path):
    kept = np.setdiff1d(np.arange(240), members(model, "Program/1"))
    query = planted.adata[:60, kept].copy()
    with pytest.raises(ValueError, match=r"lacks .* genes.*fills missing genes with zeros.*are then NaN"):
        model.get_activity(query)
    with pytest.warns(UserWarning, match=r"were filled with zeros.*Activities are NaN.*'Program/1' \(100 %\)"):
        prepared = cr.ProgramVAE.prepare_query_anndata(query, model, inplace=False)
    with pytest.warns(UserWarning, match="'Program/1'"):
        assert np.isnan(model.get_activity(prepared)).any()
    model.save(tmp_path / "model")
    with pytest.warns(UserWarning, match="were filled with zeros"):
        cr.ProgramVAE.prepare_query_anndata(query, str(tmp_path / "model"))
    assert list(query.var_names) == list(model.adata.var_names)
    names = cr.ProgramVAE.prepare_query_anndata(query, model, return_reference_var_names=True)
    assert list(names) == list(query.var_names)
    query.var_names = [f"x{i}" for i in range(240)]
    with pytest.raises(ValueError, match="has none of the model's 240 genes"):
        cr.ProgramVAE.prepare_query_anndata(query, model)


def test_training_data_and_parts_of_them_are_read_as_ever(model, planted, silent):
    with silent():
        assert np.isfinite(model.get_activity()).all()
        for cell_type in planted.adata.obs["cell_type"].unique():
            assert np.isfinite(model.get_activity(planted.adata[planted.adata.obs["cell_type"] == cell_type])).all()


def immune(adata):
    adata.obs_names_make_unique()
    adata = adata[:, np.asarray((adata.X > 0).sum(0)).ravel() >= 5].copy()
    cr.pp.add_programs(adata, "immune", min_genes=3)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=2, enable_progress_bar=False)
    return adata, model


def assert_told_apart(adata, model, column):
    """Types of cells alone are read; cells without HLA-D genes are not read for MHC class II alone."""
    for name in adata.obs[column].unique():
        part = adata[adata.obs[column] == name]
        missing = of_totals(model.module, np.asarray(part.X.sum(0)).ravel(), part.n_obs)
        assert not missing.withheld.any(), name
        assert (missing.lost > 0.1).sum() <= 2, name
    some = adata[:300].copy()
    some.X = some.X.toarray()
    some.X[:, some.var_names.str.startswith("HLA-D")] = 0
    some = some[some.X.sum(1) > 0].copy()
    lost = of_totals(model.module, some.X.sum(0), some.n_obs).lost
    assert lost[list(model.program_names).index("MHC class II antigen presentation")] > 0.5
    assert lost[list(model.program_names).index("B cell")] < 0.1
    with pytest.warns(UserWarning, match="'MHC class II antigen presentation'"):
        model.get_activity(some, indices=range(5))


def test_blood():
    adata = cr.datasets.pbmc68k()
    adata.X = adata.layers["counts"]
    assert_told_apart(*immune(adata), "bulk_labels")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kang_ifnb_2800", "pbmc3k_2638", "pbmc_3batch_symphony_1200"])
def test_other_blood(name):
    anndata = pytest.importorskip("anndata")
    folder = Path(os.environ.get("CRYSTALLIN_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the data folder named by CRYSTALLIN_DATA_DIR")
    assert_told_apart(*immune(anndata.read_h5ad(folder / f"{name}.h5ad")), "cell_type")


def test_a_batch_that_lacks_genes_among_others_that_have_them(model, planted):
    """Joined data: zeros stand for genes of another panel in one batch only."""
    lost = list(model.program_names).index("Program/1")
    counts = planted.adata.X.toarray()
    first = (planted.adata.obs["batch"] == "one").to_numpy()
    counts[np.ix_(first, members(model, "Program/1"))] = 0
    planted.adata.X = counts
    with pytest.warns(UserWarning, match="Program/1") as caught:
        activity = model.get_activity(planted.adata)
    assert len(caught) == 1
    assert np.isnan(activity[first, lost]).all() and np.isfinite(activity[~first]).all()
    with pytest.warns(UserWarning, match="Program/1"):
        assert np.isnan(model.get_activity(planted.adata, first)[:, lost]).all()


def test_cells_that_lack_genes_are_seen_where_they_are_asked_for(model, planted):
    lost = list(model.program_names).index("Program/1")
    counts = planted.adata.X.toarray()
    counts[:200][:, members(model, "Program/1")] = 0
    planted.adata.X = counts
    # among all cells of the batch the genes are there
    assert np.isfinite(model.get_activity(planted.adata)).all()
    with pytest.warns(UserWarning, match="Program/1"):
        assert np.isnan(model.get_activity(planted.adata, range(200))[:, lost]).all()


@pytest.mark.filterwarnings("ignore:Query data contains less than")
@pytest.mark.parametrize("n_cells", [1, 5, 50])
def test_what_was_padded_is_not_read_however_few_cells_there_are(model, planted, n_cells):
    lost = list(model.program_names).index("Program/1")
    query = planted.adata[:n_cells, ~members(model, "Program/1")].copy()
    query.uns["mine"], query.raw = "kept", query.copy()
    with pytest.warns(UserWarning, match="were filled with zeros.*Program/1"):
        cr.ProgramVAE.prepare_query_anndata(query, model)
    assert query.uns["mine"] == "kept" and query.raw is not None
    with pytest.warns(UserWarning, match="Program/1"):
        assert np.isnan(model.get_activity(query)[:, lost]).all()
    # what has numbers for all programs says so at least
    with pytest.warns(UserWarning, match="Program/1"):
        model.get_latent_representation(query)


def test_what_differs_between_batches_of_the_model_itself_is_in_their_intercepts(adata):
    """Genes that one batch lacks, as those that a treatment turns on, are no reason to doubt its programs."""
    counts = adata.X.toarray()
    first = (adata.obs["batch"] == "one").to_numpy()
    genes = np.flatnonzero(adata.varm["programs"].toarray()[:, 1] != 0)
    counts[np.ix_(first, genes)] = 0
    adata.X = counts
    cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    assert np.isfinite(model.get_activity()).all() and np.isfinite(model.get_activity(indices=first)).all()
