import numpy as np
import pytest
import scanpy as sc

import crystallin as cr


def test_activity_is_an_anndata_of_cells_by_programs(result):
    result.obsm["X_umap"] = np.zeros((500, 2))
    result.uns["cell_type_colors"] = np.array(["red", "green", "blue"])
    acts = cr.get.activity(result)
    assert acts.shape == (500, 8)
    np.testing.assert_array_equal(acts.X, result.obsm["X_programs"][:, :8])
    np.testing.assert_array_equal(acts.layers["sd"], result.obsm["programs_sd"][:, :8])
    assert acts.var["n_present"].tolist() == [int(n) for n in result.varm["programs"].astype(bool).sum(0).A1[:8]]
    assert set(acts.obsm) == {"X_umap"} and "cell_type_colors" in acts.uns
    assert cr.get.activity(result, decoys=True).n_vars == 16
    # a new object
    acts.X[:] = 0
    acts.obs["cell_type"] = "x"
    assert result.obsm["X_programs"].any() and result.obs["cell_type"].nunique() == 3


# its fold changes take logarithms, which activities below zero do not have
@pytest.mark.filterwarnings("ignore:invalid value encountered in log2:RuntimeWarning")
def test_scanpy_runs_on_it(result):
    result.obsm["X_umap"] = np.random.default_rng(0).normal(size=(500, 2))
    acts = cr.get.activity(result)
    names = list(acts.var_names)
    sc.tl.rank_genes_groups(acts, "cell_type", method="t-test")
    assert set(sc.get.rank_genes_groups_df(acts, "type 0")["names"]) == set(names)
    assert sc.pl.umap(acts, color=[names[0], "cell_type"], show=False)
    assert sc.pl.matrixplot(acts, names, groupby="cell_type", show=False)
    assert sc.pl.violin(acts, names[:2], groupby="cell_type", show=False) is not None


def test_activity_df(result):
    frame = cr.get.activity_df(result, ["Program/3", "Program/1"])
    assert frame.columns.tolist() == ["Program/3", "Program/1"]
    assert frame.index.equals(result.obs_names)
    np.testing.assert_array_equal(frame["Program/1"], result.obsm["X_programs"][:, 1])
    sd = cr.get.activity_df(result, "Program/3", sd=True)
    np.testing.assert_array_equal(sd["Program/3"], result.obsm["programs_sd"][:, 3])
    # decoys are hidden unless asked for, by flag or by name
    assert cr.get.activity_df(result).shape[1] == 8
    assert cr.get.activity_df(result, decoys=True).shape[1] == 16
    assert cr.get.activity_df(result, "decoy 1").shape[1] == 1


def test_programs_df(result):
    assert cr.get.programs_df(result).index.tolist() == [f"Program/{i}" for i in range(8)]
    assert len(cr.get.programs_df(result, decoys=True)) == 16
    cr.pp.add_programs(result, {"big": list(result.var_names[:9]), "small": ["g1"]}, key_added="mine")
    assert cr.get.programs_df(result, key="mine").index.tolist() == ["big"]
    dropped = cr.get.programs_df(result, key="mine", dropped=True)
    assert "fewer than min_genes" in dropped.loc["small", "reason"]


def test_loadings_df(result, model):
    frame = cr.get.loadings_df(result, "Program/2", n_genes=4)
    expected = model.get_loadings()["Program/2"].nlargest(4)
    assert frame["gene"].tolist() == expected.index.tolist()
    np.testing.assert_allclose(frame["loading"], expected)
    assert frame["rank"].tolist() == [1, 2, 3, 4] and set(frame["prior"]) == {1.0}
    whole = cr.get.loadings_df(result)
    assert len(whole) == result.varm["programs"][:, :8].nnz
    result.var["symbol"] = [f"S{i}" for i in range(240)]
    named = cr.get.loadings_df(result, "Program/2", n_genes=4, gene_symbols="symbol")
    assert named["gene"].tolist() == [f"S{gene[1:]}" for gene in frame["gene"]]


def test_what_is_missing_is_said(planted, result):
    for accessor in (cr.get.activity, cr.get.activity_df, cr.get.programs_df, cr.get.loadings_df):
        with pytest.raises(KeyError, match="no programs under 'programs'"):
            accessor(planted.adata)
    cr.pp.add_programs(planted.adata, planted.sets)
    with pytest.raises(KeyError, match="crystallin.tl.activity"):
        cr.get.activity_df(planted.adata)
    with pytest.raises(KeyError, match="crystallin.tl.loadings"):
        cr.get.loadings_df(planted.adata)
    with pytest.raises(KeyError, match="'Programme/1' is not one of the 16 programs. Did you mean 'Program/1'"):
        cr.get.activity_df(result, "Programme/1")
    with pytest.raises(KeyError, match="gene_symbols='symbol'"):
        cr.get.loadings_df(result, gene_symbols="symbol")
