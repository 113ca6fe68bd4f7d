import logging

import numpy as np
import pytest
import scanpy as sc
from scipy import sparse
from tests._contents import contents

import crystallin as cr


def by_hand(adata, n, **options):
    logged = sc.pp.log1p(sc.pp.normalize_total(adata, target_sum=1e4, copy=True), copy=True)
    sc.pp.highly_variable_genes(logged, n_top_genes=n, **options)
    return logged.var


@pytest.mark.parametrize("batch_key", [None, "batch"])
@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger"])
def test_variable_genes_are_those_of_scanpy(planted, flavor, batch_key):
    adata = planted.adata
    expected = by_hand(adata, 50, flavor=flavor, batch_key=batch_key)["highly_variable"]
    adata.layers["counts"], adata.X = adata.X.copy(), None
    cr.pp.select_genes(adata, n_top_genes=50, flavor=flavor, batch_key=batch_key, layer="counts")
    np.testing.assert_array_equal(adata.var["selected"], expected)
    assert adata.uns["select_genes"]["selected"]["flavor"] == flavor and adata.X is None


def test_genes_of_programs_are_kept(planted):
    adata, sets = planted.adata, planted.sets
    variable = by_hand(adata, 30)
    members = adata.var_names.isin(sum(sets.values(), []))
    cr.pp.select_genes(adata, sets, n_top_genes=30)
    np.testing.assert_array_equal(adata.var["selected"], variable["highly_variable"] | members)
    cr.pp.select_genes(adata, sets, n_top_genes=30, keep=None)
    np.testing.assert_array_equal(adata.var["selected"], variable["highly_variable"])
    # the three that vary most of each
    cr.pp.select_genes(adata, sets, n_top_genes=30, keep=3, key_added="best")
    score = variable["dispersions_norm"]
    best = {gene for genes in sets.values() for gene in score[genes].nlargest(3).index}
    np.testing.assert_array_equal(adata.var["best"], variable["highly_variable"] | adata.var_names.isin(best))
    # sets that add_programs would leave out keep nothing
    cr.pp.select_genes(adata, sets | {"all": list(adata.var_names)}, n_top_genes=30, max_genes=100)
    assert adata.var["selected"].sum() < adata.n_vars
    assert set(adata.uns["select_genes"]) == {"selected", "best"}


def test_symbols_copies_and_subsets(planted):
    adata = planted.adata
    adata.var["symbol"], adata.var_names = adata.var_names.to_numpy(), [f"ENSG{i}" for i in range(adata.n_vars)]
    before = contents(adata)
    options = {"n_top_genes": 20, "gene_symbols": "symbol"}
    part = cr.pp.select_genes(adata, planted.sets, subset=True, copy=True, **options)
    assert contents(adata) == before and part.n_vars < adata.n_vars and part.var["selected"].all()
    cr.pp.select_genes(adata, planted.sets, **options)
    assert adata.var_names[adata.var["selected"]].tolist() == part.var_names.tolist()


def test_more_genes_than_there_are(planted, caplog):
    counts = planted.adata.X.tolil()
    counts[:, 3] = 0
    planted.adata.X = sparse.csr_matrix(counts)
    with caplog.at_level(logging.INFO, logger="crystallin"):
        cr.pp.select_genes(planted.adata, n_top_genes=10_000)
    # genes without counts say nothing
    assert planted.adata.var["selected"].sum() == 239 and not planted.adata.var["selected"].iloc[3]
    assert "n_top_genes=10000, but adata has 240 genes: all are selected." in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_top_genes": 0}, ValueError, "n_top_genes=0 must be a whole number of at least 1"),
        ({"flavor": "seurat3"}, ValueError, "flavor='seurat3' is not one of 'seurat'"),
        ({"keep": "all"}, ValueError, "keep='all' must be 'members'.*a number from 1.*or None"),
        ({"keep": True}, ValueError, "keep=True must be"),
        ({"layer": "none"}, KeyError, "layer='none' is not a layer"),
        ({"batch_key": "bach"}, KeyError, "batch_key='bach' is not a column.*Did you mean 'batch'"),
        ({"gene_symbols": "name"}, KeyError, "gene_symbols='name'"),
        ({"layer": "log"}, ValueError, "raw counts.*log-normalised"),
        ({"programs": {"x": ["no", "gene"]}}, ValueError, "No gene of the programs"),
        ({"key_added": "mine"}, ValueError, "key_added='mine' is already a column of adata.var"),
        ({"key_added": "a/b"}, ValueError, "cannot name a slot"),
    ],
)
def test_what_is_refused_changes_nothing(planted, options, error, message):
    adata = planted.adata
    adata.layers["log"] = sparse.csr_matrix(np.log1p(adata.X.toarray()))
    adata.var["mine"] = 1
    before = contents(adata)
    with pytest.raises(error, match=message):
        cr.pp.select_genes(adata, **{"programs": planted.sets, **options})
    assert contents(adata) == before


def test_the_flavour_that_needs_another_package(planted, monkeypatch):
    monkeypatch.setattr("crystallin.pp._select_genes.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="needs scikit-misc: pip install scikit-misc. Or use flavor='seurat'"):
        cr.pp.select_genes(planted.adata, flavor="seurat_v3")
