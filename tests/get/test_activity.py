import matplotlib.pyplot as plt
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
    plt.close("all")


def test_totals(result, exchanged, changes):
    since = changes(result)
    acts, other = cr.get.activity(result, kind="total"), cr.get.activity(exchanged(result))
    np.testing.assert_array_equal(acts.X, result.obsm["X_programs_total"][:, :8])
    np.testing.assert_array_equal(acts.layers["sd"], result.obsm["programs_total_sd"][:, :8])
    assert not np.allclose(acts.X, cr.get.activity(result).X)
    # all but the reading is the same
    np.testing.assert_array_equal(acts.X, other.X)
    assert acts.var.equals(other.var) and acts.obs.equals(other.obs) and set(acts.obsm) == set(other.obsm) == set()
    acts.X[:] = 0
    assert not since()
