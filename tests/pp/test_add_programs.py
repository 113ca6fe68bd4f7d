import anndata
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
        table = cr.get.programs_df(adata, decoys=True, columns="all")
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
        ({"min_genes": 9, "max_genes": 8}, "max_genes=8 is below min_genes=9"),
        ({"n_decoys": -1}, "n_decoys=-1"),
        ({"random_state": None}, "random_state=None"),
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
    gone = {"X_programs", "programs_sd", "X_programs_total", "programs_total_sd"}
    assert all(repr(slot) in caplog.text for slot in [*gone, "programs_loadings"])
    assert not gone & set(result.obsm) and "programs_loadings" not in result.varm
    with pytest.raises(KeyError, match="crystallin.tl.activity"):
        cr.get.activity_df(result)


MATRICES = {
    "csc": sparse.csc_matrix,
    "csr array": sparse.csr_array,
    "dense": lambda x: x.toarray(),
    "Fortran": lambda x: np.asfortranarray(x.toarray()),
    "integers": lambda x: x.astype(np.int32),
    "dense integers": lambda x: x.toarray().astype(np.int64),
    "float16": lambda x: x.toarray().astype(np.float16),
    "big-endian": lambda x: x.toarray().astype(">f4"),
    "sparse big-endian": lambda x: sparse.csr_matrix((x.data.astype(">f4"), x.indices, x.indptr), x.shape),
}


@pytest.mark.parametrize("form", MATRICES.values(), ids=MATRICES.keys())
def test_decoys_are_the_same_for_every_kind_of_matrix(planted, form):
    want = cr.pp.add_programs(planted.adata, planted.sets, n_decoys=4, copy=True).varm["programs"]
    got = with_matrix(planted.adata, form(planted.adata.X))
    cr.pp.add_programs(got, planted.sets, n_decoys=4)
    assert (want != got.varm["programs"]).nnz == 0


def test_decoys_of_backed_data(planted, tmp_path):
    want = cr.pp.add_programs(planted.adata, planted.sets, n_decoys=4, copy=True).varm["programs"]
    for name, matrix in (("sparse", planted.adata.X), ("dense", planted.adata.X.toarray())):
        with_matrix(planted.adata, matrix).write_h5ad(tmp_path / f"{name}.h5ad")
        backed = anndata.read_h5ad(tmp_path / f"{name}.h5ad", backed="r")
        cr.pp.add_programs(backed, planted.sets, n_decoys=4)
        assert (want != backed.varm["programs"]).nnz == 0
        backed.file.close()


def test_decoys_of_dask_arrays(planted):
    da = pytest.importorskip("dask.array")
    want = cr.pp.add_programs(planted.adata, planted.sets, n_decoys=4, copy=True).varm["programs"]
    dense = da.from_array(planted.adata.X.toarray(), chunks=(100, -1))
    for matrix in (dense, dense.map_blocks(sparse.csr_matrix)):
        got = with_matrix(planted.adata, matrix)
        cr.pp.add_programs(got, planted.sets, n_decoys=4)
        assert (want != got.varm["programs"]).nnz == 0


def test_decoys_of_boolean_data_follow_how_often_a_gene_is_seen(planted):
    seen = planted.adata.X.astype(bool)
    want = cr.pp.add_programs(with_matrix(planted.adata, seen.astype(np.float64)), planted.sets, n_decoys=4, copy=True)
    got = cr.pp.add_programs(with_matrix(planted.adata, seen), planted.sets, n_decoys=4, copy=True)
    assert (want.varm["programs"] != got.varm["programs"]).nnz == 0


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        (None, "adata.X is None, but decoys .* are matched on expression.*has 'counts'.*, or set n_decoys=0"),
        (np.full((500, 240), np.nan), "missing or infinite values in 240"),
        (np.full((500, 240), "a", dtype=object), "adata.X holds object, not numbers"),
    ],
)
def test_decoys_without_expression_are_refused(planted, matrix, match):
    adata = with_matrix(planted.adata, matrix)
    adata.layers["counts"] = planted.adata.X
    with pytest.raises(ValueError, match=match):
        cr.pp.add_programs(adata, planted.sets, n_decoys=1)
    assert not adata.varm and not adata.uns
    cr.pp.add_programs(adata, planted.sets, n_decoys=1, layer="counts")
    cr.pp.add_programs(adata, planted.sets)


def with_matrix(adata, matrix):
    return anndata.AnnData(matrix, obs=adata.obs, var=adata.var)


def test_gene_symbols_of_any_kind(planted):
    """Entrez ids in a column with gaps are floats, and a category may have gaps too."""
    adata = planted.adata
    want = cr.pp.add_programs(adata, {"p": ["g1", "g2"]}, min_genes=1, copy=True).varm["programs"]
    entrez = np.arange(240.0)
    entrez[5] = np.nan
    columns = {"entrez": entrez, "category": pd.Categorical(adata.var_names.where(entrez != 5)), "flag": entrez > 3}
    adata.var = adata.var.assign(**columns)
    for column, genes in (("entrez", [1, "2"]), ("category", ["g1", "g2 "])):
        got = cr.pp.add_programs(adata, {"p": genes}, min_genes=1, gene_symbols=column, copy=True)
        assert (want != got.varm["programs"]).nnz == 0
    with pytest.raises(TypeError, match="gene_symbols='flag' must name a column of gene names, but False is a bool"):
        cr.pp.add_programs(adata, {"p": ["g1"]}, gene_symbols="flag")
    adata.var["none"] = np.nan
    with pytest.raises(ValueError, match="check that gene_symbols= is the right column"):
        cr.pp.add_programs(adata, {"p": ["g1"]}, gene_symbols="none")


def test_odd_names_and_signs_survive_writing(planted, tmp_path):
    sets = {"a/b": {"g1": 1, "g2": -2}, "é😀": ["g3", "g4"], ".": ["g5", "g6"], "X" * 300: ["g7", "g8"], "7": ["g9"]}
    cr.pp.add_programs(planted.adata, sets, min_genes=1)
    planted.adata.write_h5ad(tmp_path / "a.h5ad")
    planted.adata.write_zarr(tmp_path / "a.zarr")
    for back in (anndata.read_h5ad(tmp_path / "a.h5ad"), anndata.read_zarr(tmp_path / "a.zarr")):
        assert list(back.uns["programs"]["names"]) == list(sets)
        assert back.varm["programs"].toarray()[[1, 2], 0].tolist() == [1, -2]


def test_missing_genes_are_listed(planted):
    cr.pp.add_programs(planted.adata, {"p": ["g1", "g2", "TP53", "MYC"]}, min_genes=2)
    table = cr.get.programs_df(planted.adata, columns="all")
    assert table.loc["p", "missing"] == "TP53;MYC"
    assert isinstance(table, pd.DataFrame)
