"""Inputs of every kind: read, or refused with what to do."""

import gzip

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from scipy import sparse

from crystallin._cli._read import read_counts

COUNTS = sparse.csr_matrix(np.arange(1, 13).reshape(3, 4).astype(np.float32))
SYMBOLS = ["CD3E", "TBCE", "TBCE", "CD19"]
BARCODES = ["AAA-1", "CCC-1", "GGG-1"]


def text(values):
    return np.array(values, dtype="S20")


def cell_ranger(path, *, types=("Gene Expression",) * 4):
    """A file as versions 3 and later write it."""
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = text(BARCODES)
        group["data"], group["indices"], group["indptr"] = COUNTS.data.astype(int), COUNTS.indices, COUNTS.indptr
        group["shape"] = np.array(COUNTS.shape[::-1])
        features = group.create_group("features")
        features["id"] = text([f"ENSG{i}" for i in range(4)])
        features["name"], features["feature_type"] = text(SYMBOLS), text(types)
        features["genome"] = text(["GRCh38"] * 4)
    return path


def cell_ranger_2(path):
    """A file as version 2 wrote it."""
    with h5py.File(path, "w") as file:
        group = file.create_group("GRCh38")
        group["barcodes"], group["genes"], group["gene_names"] = text(BARCODES), text(list("abcd")), text(SYMBOLS)
        group["data"], group["indices"], group["indptr"] = COUNTS.data.astype(int), COUNTS.indices, COUNTS.indptr
        group["shape"] = np.array(COUNTS.shape[::-1])
    return path


def folder(path):
    path.mkdir()
    scipy.io.mmwrite(path / "matrix.mtx", COUNTS.T.tocoo())
    (path / "matrix.mtx.gz").write_bytes(gzip.compress((path / "matrix.mtx").read_bytes()))
    (path / "matrix.mtx").unlink()
    (path / "barcodes.tsv.gz").write_bytes(gzip.compress("\n".join(BARCODES).encode()))
    lines = [f"ENSG{i}\t{symbol}\tGene Expression" for i, symbol in enumerate(SYMBOLS)]
    (path / "features.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


@pytest.mark.parametrize("make", [cell_ranger, cell_ranger_2, folder])
def test_cell_ranger(tmp_path, make, caplog):
    with caplog.at_level("INFO", logger="crystallin"):
        adata = read_counts(make(tmp_path / "raw.h5"))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS.toarray())
    assert adata.var_names.tolist() == ["CD3E", "TBCE", "TBCE-1", "CD19"]
    assert adata.obs_names.tolist() == BARCODES
    assert "1 var_names occur more than once (TBCE, …)" in caplog.text


def test_proteins_are_left_out(tmp_path):
    types = ("Gene Expression", "Gene Expression", "Antibody Capture", "Gene Expression")
    adata = read_counts(cell_ranger(tmp_path / "raw.h5", types=types))
    assert adata.shape == (3, 3) and adata.var_names.is_unique


def test_names_of_anndata_are_made_unique(tmp_path, caplog):
    with pytest.warns(UserWarning, match="not unique"):
        adata = ad.AnnData(COUNTS, obs=pd.DataFrame(index=["a", "a", "b"]), var=pd.DataFrame(index=list("wxyz")))
    # AnnData under the suffix of others
    adata.write_h5ad(tmp_path / "x.h5")
    assert read_counts(tmp_path / "x.h5").obs_names.tolist() == ["a", "a-1", "b"]
    assert "1 obs_names occur more than once (a, …)" in caplog.text


def test_zarr(tmp_path):
    adata = ad.AnnData(COUNTS, obs=pd.DataFrame(index=list("abc")), var=pd.DataFrame(index=list("wxyz")))
    adata.write_zarr(tmp_path / "x.zarr")
    np.testing.assert_array_equal(read_counts(tmp_path / "x.zarr").X.toarray(), COUNTS.toarray())


OTHER_FILES = [
    ("x.loom", b"text", "'.*x.loom' is no file of counts known here. Convert it first: anndata.io.read_loom"),
    ("x.mtx.gz", gzip.compress(b"text", mtime=0), "give the folder that also holds the barcodes"),
    ("x.csv", b"a,b\n", "anndata.io.read_csv"),
    ("x.rds", b"RDX", "zellkonverter"),
    ("x.h5ad.gz", gzip.compress(b"text", mtime=0), "is compressed: unpack it first"),
    ("x.h5ad", b"text", "is the file complete"),
    ("x.h5ad", b"", "is the file complete"),
]


@pytest.mark.parametrize(("name", "content", "match"), OTHER_FILES, ids=[case[0] for case in OTHER_FILES])
def test_other_files_are_refused(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_counts(tmp_path / name)


def test_other_hdf5_and_folders_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["table"] = np.arange(3)
    with pytest.raises(ValueError, match="neither AnnData .* nor of Cell Ranger .*; it holds table"):
        read_counts(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.loom", "w") as file:
        file["matrix"] = np.ones((3, 4))
        file.create_group("row_attrs")
    with pytest.raises(ValueError, match="it holds matrix, row_attrs. Convert it first: anndata.io.read_loom"):
        read_counts(tmp_path / "x.loom")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file.create_group("matrix/barcodes")
    with pytest.raises(ValueError, match="'.*y.h5' could not be read"):
        read_counts(tmp_path / "y.h5")
    with pytest.raises(ValueError, match="is a folder without a zarr store or a matrix.mtx"):
        read_counts(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_counts(tmp_path / "z.h5")


def test_a_truncated_file_is_named(tmp_path, planted):
    planted.adata.write_h5ad(tmp_path / "x.h5ad")
    whole = (tmp_path / "x.h5ad").read_bytes()
    (tmp_path / "x.h5ad").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="x.h5ad"):
        read_counts(tmp_path / "x.h5ad")
