"""Bad input ends before training, says how to mend it, and leaves the AnnData as it was."""

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

import crystallin as cr


def snapshot(adata):
    return (
        list(adata.obs.columns),
        list(adata.var.columns),
        sorted(adata.uns),
        sorted(adata.obsm),
        sorted(adata.varm),
        list(adata.layers),
        adata.X.copy(),
    )


def assert_refused(adata, error, match, **setup):
    before = snapshot(adata)
    with pytest.raises(error, match=match):
        cr.ProgramVAE.setup_anndata(adata, **setup)
    after = snapshot(adata)
    assert before[:-1] == after[:-1]
    same = before[-1] != after[-1]
    assert not (same.nnz if sparse.issparse(same) else np.any(same & ~np.isnan(before[-1])))


def with_value(adata, value):
    adata.X = adata.X.toarray()
    adata.X[3, 5] = value
    return adata


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (-1, r"adata.X must hold raw counts.*include negative numbers \(smallest -1"),
        (np.nan, "NaN or infinity"),
        (np.inf, "NaN or infinity"),
        (30.5, r"not whole numbers.*numpy.rint"),
    ],
)
def test_values_that_are_no_counts(adata, value, match):
    assert_refused(with_value(adata, value), ValueError, match)


def test_log_normalised_counts_point_to_the_layer_with_counts(adata):
    adata.layers["raw_counts"] = adata.X.copy()
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    assert_refused(adata, ValueError, r"look log-normalised.*These look like counts: layer='raw_counts'")
    adata.layers["logged"] = adata.X.copy()
    adata.X = adata.layers["raw_counts"].copy()
    assert_refused(adata, ValueError, r"layers\['logged'\].*layer=None \(adata.X\)", layer="logged")


def test_counts_in_raw_are_named(adata):
    adata.raw = adata.copy()
    sc.pp.log1p(adata)
    assert_refused(adata, ValueError, r"adata.raw.to_adata\(\)")


def test_empty_cell_is_refused_and_empty_gene_is_warned_of(adata):
    adata.X = adata.X.toarray()
    adata.X[:, 7] = 0
    with pytest.warns(UserWarning, match=r"1 gene\(s\) have no counts in adata.X, e.g. 'g7'"):
        cr.ProgramVAE.setup_anndata(adata)
    adata.X[11] = 0
    with pytest.raises(ValueError, match=r"1 cell\(s\) have no counts.*'cell11'.*filter_cells"):
        cr.ProgramVAE.setup_anndata(adata)


def test_a_gene_without_counts_trains(planted):
    planted.adata.X = planted.adata.X.toarray()
    planted.adata.X[:, 7] = 0
    cr.pp.add_programs(planted.adata, planted.sets)
    with pytest.warns(UserWarning, match="no counts"):
        cr.ProgramVAE.setup_anndata(planted.adata)
    model = cr.ProgramVAE(planted.adata)
    model.train(max_epochs=1, enable_progress_bar=False)
    assert np.isfinite(model.get_activity()).all()


def test_shapes_and_names(adata):
    assert_refused(AnnData(np.ones((0, 3))), ValueError, r"empty \(0 cells x 3 genes\)")
    assert_refused(AnnData(np.ones((3, 1))), ValueError, "single gene")
    twins = AnnData(np.ones((3, 2)), obs=pd.DataFrame(index=["a", "b", "c"]))
    twins.var_names = ["g", "g"]
    assert_refused(twins, ValueError, r"var_names are not unique.*'g'.*var_names_make_unique")
    twins.var_names, twins.obs_names = ["g", "h"], ["a", "a", "b"]
    assert_refused(twins, ValueError, r"obs_names are not unique.*obs_names_make_unique")
    with pytest.raises(ValueError, match=r"view of another AnnData.*adata.copy\(\)"):
        cr.ProgramVAE.setup_anndata(adata[:50])
    with pytest.raises(TypeError, match="adata is a DataFrame"):
        cr.ProgramVAE.setup_anndata(pd.DataFrame())


def test_columns_and_layers(adata):
    adata.obs["gaps"] = np.where(np.arange(500) < 3, np.nan, 1.0)
    adata.obs["text"] = "a"
    assert_refused(adata, KeyError, "layer='counts' is not a layer of adata; it has none", layer="counts")
    assert_refused(adata, KeyError, "batch_key='bach'.*Did you mean 'batch'", batch_key="bach")
    assert_refused(adata, ValueError, "batch_key='gaps' has 3 missing", batch_key="gaps")
    assert_refused(adata, KeyError, "'plate' is not a column", categorical_covariate_keys=["plate"])
    assert_refused(adata, ValueError, "must hold finite numbers", continuous_covariate_keys=["text"])
    assert_refused(adata, ValueError, "must hold finite numbers", continuous_covariate_keys=["gaps"])
    adata.obs["age"] = adata.obs["age"] - 1000
    assert_refused(adata, ValueError, "must be positive", size_factor_key="age")


def test_sparse_arrays_and_strings_for_lists(adata):
    adata.layers["array"] = sparse.csr_array(adata.X)
    assert_refused(adata, ValueError, r"csr_array, which scvi-tools cannot read.*csr_matrix", layer="array")
    with pytest.raises(TypeError, match=r"must be a list of columns: \['batch'\]"):
        cr.ProgramVAE.setup_anndata(adata, categorical_covariate_keys="batch")


def test_category_without_cells_and_batch_of_one_cell(adata):
    adata.obs["batch"] = pd.Categorical(["lone", *["many"] * 499], categories=["lone", "many", "none"])
    with (
        pytest.warns(UserWarning, match="categories without cells: 'none'"),
        pytest.warns(UserWarning, match="categories of a single cell: 'lone'"),
        # scvi-tools' own
        pytest.warns(UserWarning, match="fewer than 3 cells"),
    ):
        cr.ProgramVAE.setup_anndata(adata, batch_key="batch")
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, enable_progress_bar=False)
    assert np.isfinite(model.get_activity()).all()


def test_one_cell_type(planted):
    """Cells that differ by chance only: activities stay near zero and uncertain."""
    rng = np.random.default_rng(0)
    adata = AnnData(sparse.csr_matrix(rng.poisson(3, (300, 60)).astype(np.float32)))
    adata.var_names = [f"g{i}" for i in range(60)]
    sets = {f"p{i}": [f"g{j}" for j in rng.choice(60, 10, replace=False)] for i in range(4)}
    cr.pp.add_programs(adata, sets)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=60, enable_progress_bar=False, plan_kwargs={"lr": 1e-2})
    mean, sd = model.get_activity(return_sd=True)
    assert mean.std(0).max() < 0.4
    assert sd.mean() > 0.85


def test_no_programs(planted):
    cr.ProgramVAE.setup_anndata(planted.adata)
    with pytest.raises(KeyError, match=r"no programs under 'programs'; call crystallin.pp.add_programs"):
        cr.ProgramVAE(planted.adata)
    cr.pp.add_programs(planted.adata, planted.sets, key_added="mine")
    with pytest.raises(KeyError, match="'mine'; to use them, pass programs_key"):
        cr.ProgramVAE(planted.adata)
    assert len(cr.ProgramVAE(planted.adata, programs_key="mine").program_names) == 8


@pytest.mark.parametrize("change", ["subset", "rename"])
def test_genes_changed_after_programs_were_added(adata, change):
    if change == "subset":
        adata = adata[:, :200].copy()
    else:
        adata.var_names = [f"x{i}" for i in range(240)]
    cr.ProgramVAE.setup_anndata(adata)
    with pytest.raises(ValueError, match="genes of adata, or their order, changed.*add_programs again"):
        cr.ProgramVAE(adata)


def test_more_programs_than_genes_warns(planted):
    adata = planted.adata[:, :12].copy()
    adata = adata[np.asarray(adata.X.sum(1)).ravel() > 0].copy()
    rng = np.random.default_rng(0)
    sets = {f"p{i}": list(rng.choice(adata.var_names, 5, replace=False)) for i in range(20)}
    cr.pp.add_programs(adata, sets)
    cr.ProgramVAE.setup_anndata(adata)
    with pytest.warns(UserWarning, match=r"more programs \(20\) than genes \(12\)"):
        model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, enable_progress_bar=False)
    assert np.isfinite(model.get_activity()).all()


def test_programs_of_one_gene(planted):
    cr.pp.add_programs(planted.adata, {"solo": ["g1"], "other": ["g2"]}, min_genes=1)
    cr.ProgramVAE.setup_anndata(planted.adata)
    model = cr.ProgramVAE(planted.adata)
    model.train(max_epochs=1, enable_progress_bar=False)
    assert np.isfinite(model.get_activity()).all()


def test_all_programs_are_decoys(adata):
    adata.uns["programs"]["table"]["decoy"] = True
    cr.ProgramVAE.setup_anndata(adata)
    with pytest.raises(ValueError, match="All programs of the prior are decoys"):
        cr.ProgramVAE(adata)


@pytest.mark.parametrize(
    ("argument", "match"),
    [
        ({"gene_likelihood": "normal"}, "'nb', 'poisson', 'zinb'"),
        ({"dispersion": "gene-cell"}, "'gene', 'gene-batch'"),
        ({"n_unannotated": -1}, "at least 0"),
        ({"n_hidden": 0}, "at least 1"),
        ({"random_state": 1.5}, "whole number"),
        ({"prior": pd.DataFrame({"p": [1.0]}, index=["other"])}, "reindex"),
    ],
)
def test_model_arguments(adata, argument, match):
    cr.ProgramVAE.setup_anndata(adata)
    with pytest.raises(ValueError, match=match):
        cr.ProgramVAE(adata, **argument)


def test_train_arguments(adata):
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    with pytest.raises(ValueError, match="batch_size=0"):
        model.train(batch_size=0)
    with pytest.raises(ValueError, match="max_epochs=0"):
        model.train(max_epochs=0)
    with pytest.raises(RuntimeError, match="train"):
        model.get_activity()


def test_data_with_other_genes(model, planted):
    with pytest.raises(ValueError, match="lacks 10 of the model's 240 genes.*prepare_query_anndata"):
        model.get_activity(planted.adata[:, 10:].copy())
    with pytest.raises(ValueError, match="in another order"):
        model.get_activity(planted.adata[:, ::-1].copy())
    extra = planted.adata.copy()
    extra.var_names = [*extra.var_names[:-1], "new"]
    with pytest.raises(ValueError, match="lacks 1 of"):
        cr.ProgramVAE.load_query_data(extra, model)


def test_registered_data_are_checked_again(adata, quick):
    """A copy carries scvi-tools' registration along, and people normalise X after training."""
    model = quick()
    shuffled = adata[:, np.random.default_rng(0).permutation(240)].copy()
    renamed = adata.copy()
    renamed.var_names = [f"x{i}" for i in range(240)]
    for other in (shuffled, renamed):
        with pytest.raises(ValueError, match="prepare_query_anndata"):
            model.get_activity(other)
    logged = adata.copy()
    for data, call in ((logged, {"adata": logged}), (adata, {})):
        sc.pp.normalize_total(data, target_sum=1e4)
        sc.pp.log1p(data)
        with pytest.raises(ValueError, match="must hold raw counts"):
            model.get_activity(**call)


def test_new_data_are_checked_like_the_old(model, planted):
    planted.adata.X = planted.adata.X.toarray()
    planted.adata.X[0] = 0
    with pytest.raises(ValueError, match="have no counts"):
        model.get_activity(planted.adata)


def test_model_folders(model, result, tmp_path):
    with pytest.raises(FileNotFoundError, match="no saved model at"):
        cr.ProgramVAE.load(tmp_path, result)
    model.save(tmp_path / "whole")
    path = tmp_path / "cut"
    path.mkdir()
    content = (tmp_path / "whole" / "model.pt").read_bytes()
    (path / "model.pt").write_bytes(content[: len(content) // 2])
    for load in (cr.ProgramVAE.load, lambda folder, adata: cr.ProgramVAE.load_query_data(adata, folder)):
        with pytest.raises(ValueError, match="incomplete or not a saved model"):
            load(path, result)
    (path / "model.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="incomplete"):
        cr.ProgramVAE.load(path, result)
    with pytest.raises(ValueError, match="in another order"):
        cr.ProgramVAE.load(tmp_path / "whole", result[:, ::-1].copy())


def test_foreign_model_folders(planted, result, tmp_path):
    import torch
    from scvi.model import SCVI

    torch.save({"something": "else"}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="is not a model saved by ProgramVAE.save"):
        cr.ProgramVAE.load(tmp_path, result)
    SCVI.setup_anndata(planted.adata)
    SCVI(planted.adata).save(tmp_path / "scvi")
    with pytest.raises(ValueError, match="contains a SCVI model, not a ProgramVAE"):
        cr.ProgramVAE.load(tmp_path / "scvi", result)


def test_matrices_that_hold_no_numbers(adata):
    counts = adata.X.toarray()
    for matrix, match in (
        (np.where(counts > 3, "many", "few").astype(object), "objects, some of which are not numbers"),
        (counts + 0j, r"not real numbers \(dtype complex"),
        (np.ma.masked_array(counts, counts > 5), "that are masked"),
        (sparse.csr_matrix(counts + 0j), r"not real numbers \(dtype complex"),
    ):
        adata.X = matrix
        with pytest.raises(ValueError, match=match):
            cr.ProgramVAE.setup_anndata(adata)
        assert not [key for key in adata.uns if key.startswith("_scvi")]
