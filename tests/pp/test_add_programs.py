import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import crystallin as cr


def test_slots(planted):
    cr.pp.add_programs(planted.adata, planted.sets, n_decoys=3)
    matrix = planted.adata.varm["programs"]
    assert sparse.issparse(matrix) and matrix.dtype == np.float32 and matrix.shape == (240, 11)
    stored = planted.adata.uns["programs"]
    assert stored["names"].tolist() == [*planted.sets, "decoy 1", "decoy 2", "decoy 3"]
    assert stored["table"]["decoy"].sum() == 3
    assert stored["params"]["n_decoys"] == 3 and stored["params"]["origin"] == "dict"


def test_copy_and_key_leave_the_original_alone(planted):
    other = cr.pp.add_programs(planted.adata, planted.sets, key_added="mine", copy=True)
    assert "mine" in other.varm and "mine" in other.uns
    assert not planted.adata.varm and not planted.adata.uns


def test_gene_symbols_for_ensembl_ids(planted):
    adata = planted.adata
    adata.var["symbol"] = adata.var_names
    adata.var_names = [f"ENSG{i:011d}" for i in range(240)]
    with pytest.raises(ValueError, match="gene_symbols="):
        cr.pp.add_programs(adata, planted.sets)
    adata.var.loc[adata.var_names[0], "symbol"] = np.nan
    cr.pp.add_programs(adata, planted.sets, gene_symbols="symbol")
    assert adata.varm["programs"].sum() > 90
    with pytest.raises(KeyError, match="gene_symbols='symbl' is not a column of adata.var.*'symbol'"):
        cr.pp.add_programs(adata, planted.sets, gene_symbols="symbl")


def test_decoys_are_matched_on_the_layer_named(planted):
    adata = planted.adata
    adata.layers["counts"] = adata.X.copy()
    # X with the expression upside down: matching on it would mislead
    mean = np.asarray(adata.X.mean(0)).ravel()
    adata.X = sparse.csr_matrix(np.tile(mean.max() - mean + 1, (adata.n_obs, 1)).astype(np.float32))
    adata.X.data[: adata.n_vars] *= np.random.default_rng(0).lognormal(0, 9, adata.n_vars)

    def mismatch(layer):
        cr.pp.add_programs(adata, planted.sets, n_decoys=40, layer=layer)
        table = cr.get.programs_df(adata, decoys=True)
        member = adata.varm["programs"].toarray() != 0
        level = pd.Series(np.log(mean) @ member / member.sum(0), index=table.index)
        decoys = table.loc[table["decoy"]]
        return np.abs(level[decoys.index].to_numpy() - level[decoys["template"]].to_numpy()).mean()

    assert mismatch("counts") < 0.5 * mismatch(None)


def test_seed_of_decoys(planted):
    def decoys(seed):
        return cr.pp.add_programs(planted.adata, planted.sets, n_decoys=4, random_state=seed, copy=True).varm[
            "programs"
        ]

    assert (decoys(0) != decoys(0)).nnz == 0
    assert (decoys(0) != decoys(1)).nnz > 0


def test_bad_arguments_leave_adata_alone(planted):
    for arguments, match in [
        ({"min_genes": 0}, "min_genes=0"),
        ({"min_genes": 9, "max_genes": 8}, "max_genes=8 must be a whole number of at least 9"),
        ({"n_decoys": -1}, "n_decoys=-1"),
        ({"min_genes": 100}, "None of the 8 program"),
    ]:
        with pytest.raises(ValueError, match=match):
            cr.pp.add_programs(planted.adata, planted.sets, **arguments)
    with pytest.raises(KeyError, match="layer='counts'"):
        cr.pp.add_programs(planted.adata, planted.sets, layer="counts", n_decoys=1)
    with pytest.raises(ValueError, match="view"):
        cr.pp.add_programs(planted.adata[:9], planted.sets)
    assert not planted.adata.varm and not planted.adata.uns


def test_results_of_earlier_programs_are_removed(result, planted, caplog):
    """Or old activities would stand under new names."""
    with caplog.at_level("WARNING", logger="crystallin"):
        cr.pp.add_programs(result, planted.sets)
    assert caplog.text.count("Removed") == 3
    assert not {"X_programs", "programs_sd"} & set(result.obsm) and "programs_loadings" not in result.varm
    with pytest.raises(KeyError, match="crystallin.tl.activity"):
        cr.get.activity_df(result)


def test_missing_genes_are_listed(planted):
    cr.pp.add_programs(planted.adata, {"p": ["g1", "g2", "TP53", "MYC"]}, min_genes=2)
    table = cr.get.programs_df(planted.adata)
    assert table.loc["p", "missing"] == "TP53;MYC"
    assert isinstance(table, pd.DataFrame)
