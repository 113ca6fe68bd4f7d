"""Blood cells that are part of scanpy and need no download."""

from __future__ import annotations

import numpy as np
from anndata import AnnData
from scipy import sparse


def pbmc68k() -> AnnData:
    """Load 700 peripheral blood mononuclear cells with raw counts of 765 genes, without a download.

    scanpy contains these cells of Zheng et al. (2017, Nat Commun 8:14049) in log-normalised form. Their ``raw`` holds
    ``log1p`` of counts per 10,000, rounded to three decimals. The smallest value of each cell is a count of one, so the
    counts are ``round(expm1(raw) / smallest)``. This is unambiguous: no value is further than .12 from a whole number,
    and the recovered scale agrees with the published library sizes.

    Returns
    -------
    New AnnData of 700 cells x 765 genes.

    * ``X``: log1p of counts per 10,000, sparse float32;
    * ``layers["counts"]``: counts, sparse float32;
    * ``obs``: ``bulk_labels`` (10 published cell types), ``louvain``, ``phase``, ``n_counts`` (the true library size
      over all genes of the experiment, larger than the sum over the 765 here), …;
    * ``obsm``: ``X_pca`` and ``X_umap``.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> adata.shape
    (700, 765)
    """
    import scanpy as sc

    shipped = sc.datasets.pbmc68k_reduced()
    log_normalised = sparse.csr_matrix(shipped.raw.X, dtype=np.float32)
    log_normalised.sort_indices()
    obsm = {key: np.asarray(shipped.obsm[key]) for key in ("X_pca", "X_umap")}
    colors = {key: value for key, value in shipped.uns.items() if key.endswith("_colors")}
    return AnnData(
        X=log_normalised,
        obs=shipped.obs.copy(),
        var=shipped.raw.var.copy(),
        obsm=obsm,
        layers={"counts": recover_counts(log_normalised)},
        uns=colors,
    )


def recover_counts(log_normalised: sparse.csr_matrix) -> sparse.csr_matrix:
    """Recover counts from log1p of counts scaled per cell, where each cell's smallest value is a count of one."""
    scaled = log_normalised.copy().astype(np.float64)
    scaled.data = np.expm1(scaled.data)
    smallest = np.minimum.reduceat(scaled.data, scaled.indptr[:-1])
    scaled.data = np.rint(scaled.data / np.repeat(smallest, np.diff(scaled.indptr)))
    return scaled.astype(np.float32)
