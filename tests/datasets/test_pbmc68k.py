import numpy as np
import scanpy as sc

import crystallin as cr


def test_counts_are_recovered_without_doubt():
    adata = cr.datasets.pbmc68k()
    assert adata.shape == (700, 765)
    counts = adata.layers["counts"]
    assert counts.dtype == np.float32 and counts.data.min() == 1 and counts.data.max() == 259
    shipped = sc.datasets.pbmc68k_reduced()
    scaled = shipped.raw.X.tocsr().astype(np.float64)
    scaled.data = np.expm1(scaled.data)
    smallest = np.array([scaled[i].data.min() for i in range(700)])
    ratio = scaled.multiply(1 / smallest[:, None]).tocsr()
    ratio.sort_indices()
    assert np.abs(ratio.data - counts.data).max() < 0.12
    # the scale agrees with the published library sizes: 10,000 up to the rounding of three decimals
    np.testing.assert_allclose(smallest * shipped.obs["n_counts"], 10_000, atol=8)
    # normalising the counts by the true library size gives back what scanpy ships
    back = counts.multiply(1e4 / adata.obs["n_counts"].to_numpy()[:, None]).tocsr()
    back.sort_indices()
    np.testing.assert_allclose(np.log1p(back.data), adata.X.data, atol=2e-3)


def test_what_else_is_there():
    adata = cr.datasets.pbmc68k()
    assert {"bulk_labels", "louvain", "n_counts"} <= set(adata.obs)
    assert {"X_pca", "X_umap"} <= set(adata.obsm)
    assert (adata.obs["n_counts"] >= np.asarray(adata.layers["counts"].sum(1)).ravel()).all()
