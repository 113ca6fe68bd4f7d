"""Data on disk: opened, trained on, and updated in place."""

from __future__ import annotations

import shutil

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin._store import Rows, activity_arrays, store_of
from crystallin._store._stored import UNFINISHED

KINDS = (".h5ad", ".zarr")
SLOTS = ("X_programs", "programs_sd", "X_programs_total", "programs_total_sd")
SHORT = {"max_epochs": 3, "posterior_epochs": 1, "enable_progress_bar": False}


def write(adata, path):
    (adata.write_h5ad if path.suffix == ".h5ad" else adata.write_zarr)(path)


def read(path):
    return (ad.read_h5ad if path.suffix == ".h5ad" else ad.read_zarr)(path)


@pytest.fixture(params=KINDS)
def path(request, planted, tmp_path):
    """Counts in a layer and in X of a file, with an embedding."""
    pytest.importorskip("zarr")
    planted.adata.layers["counts"] = planted.adata.X.copy()
    planted.adata.obsm["X_pca"] = np.arange(2.0 * planted.adata.n_obs).reshape(-1, 2)
    path = tmp_path / f"cells{request.param}"
    write(planted.adata, path)
    return path


def test_fit_from_a_path_is_fit_in_memory(path, planted):
    model = cr.fit(path, planted.sets, layer="counts", n_decoys=8, **SHORT)
    expected = planted.adata
    in_memory = cr.fit(expected, planted.sets, layer="counts", n_decoys=8, **SHORT)
    with model.adata as adata:
        for slot in SLOTS:
            assert not isinstance(adata.obsm[slot], np.ndarray)
            np.testing.assert_array_equal(adata.obsm[slot][:], expected.obsm[slot])
        for tool in (cr.tl.rank_programs_groups, cr.tl.leakage):
            options = {"groupby": "cell_type"} if tool is cr.tl.rank_programs_groups else {}
            tool(adata, model, **options)
            tool(expected, in_memory, **options)
        pd.testing.assert_frame_equal(
            cr.get.rank_programs_groups_df(adata, "type 1", columns="all"),
            cr.get.rank_programs_groups_df(expected, "type 1", columns="all"),
        )
        totals = (cr.get.activity_df(data, kind="total") for data in (adata, expected))
        pd.testing.assert_frame_equal(*totals)
        adata.obs["half"] = np.arange(adata.n_obs) % 2 == 0
        del adata.obsm["X_pca"]
        cr.update_store(adata)
    # what other programs see
    found = read(path)
    expected.obs["half"] = np.arange(expected.n_obs) % 2 == 0
    assert "X_pca" not in found.obsm
    assert set(found.uns) == set(expected.uns) and set(found.varm) == set(expected.varm)
    for slot in SLOTS:
        np.testing.assert_array_equal(found.obsm[slot], expected.obsm[slot])
    pd.testing.assert_series_equal(found.obs["half"], expected.obs["half"])
    pd.testing.assert_frame_equal(
        cr.get.rank_programs_groups_df(found, "type 1", columns="all"),
        cr.get.rank_programs_groups_df(expected, "type 1", columns="all"),
    )
    assert (found.layers["counts"] != expected.layers["counts"]).nnz == 0


def test_a_part_of_the_cells_is_an_ordinary_anndata(path, planted):
    with cr.fit(path, planted.sets, **SHORT).adata as adata:
        part = adata[adata.obs["cell_type"] == "type 1"].to_memory()
    assert type(part) is ad.AnnData and part.n_obs == (planted.adata.obs["cell_type"] == "type 1").sum()
    assert cr.get.activity(part).shape == (part.n_obs, 8)


def test_read_only_data_keep_activities_in_memory(path, planted, differences):
    before = read(path)
    with cr.open_store(path, mode="r") as adata:
        assert store_of(adata) is None
        cr.fit(adata, planted.sets, **SHORT)
        assert isinstance(adata.obsm["X_programs"], np.ndarray)
        with pytest.raises(ValueError, match=r'mode="r\+"'):
            cr.update_store(adata)
    assert not differences(read(path), before)


def test_an_update_that_changes_nothing_leaves_the_file_as_it_was(path, differences):
    before = read(path)
    with cr.open_store(path) as adata:
        cr.update_store(adata)
    assert not differences(read(path), before)


def test_columns_are_written_in_their_order_and_removed(path):
    with cr.open_store(path) as adata:
        adata.obs["note"] = pd.Categorical(["a", "b"] * (adata.n_obs // 2))
        adata.obs["age"] = 1.5
        del adata.obs["batch"]
        adata.var["text"] = [f"gene {i}" for i in range(adata.n_vars)]
        expected = adata.obs.copy()
        cr.update_store(adata)
    found = read(path)
    pd.testing.assert_frame_equal(found.obs, expected)
    assert found.var["text"].tolist() == [f"gene {i}" for i in range(found.n_vars)]


def test_activities_are_removed_if_they_cannot_be_finished(path, planted, monkeypatch):
    model = cr.fit(path, planted.sets, **SHORT)
    with model.adata as adata:
        first = adata.obsm["X_programs"][:]

        def interrupted(*_, out, **__):
            out["unique"][0][:10] = 1.0
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(model, "get_activities", interrupted)
            with pytest.raises(KeyboardInterrupt):
                cr.tl.activity(adata, model)
        assert not set(SLOTS) & (set(adata.obsm) | set(adata.root["obsm"]))
        cr.tl.activity(adata, model)
        np.testing.assert_array_equal(adata.obsm["X_programs"][:], first)


def test_what_a_killed_process_left_is_not_there(path):
    with cr.open_store(path) as adata, activity_arrays(adata, {"X_a": (3,), "X_b": (3,)}) as arrays:
        arrays["X_a"][:] = 1.0
    assert UNFINISHED in cr.open_store(path, mode="r").root["obsm/X_a"].attrs
    with cr.open_store(path) as adata:
        assert "X_a" not in adata.obsm
        cr.update_store(adata)
    assert "X_a" not in read(path).obsm


def test_counts_are_checked_and_named(path, planted):
    with pytest.raises(KeyError, match="layer='raw' is not a layer of adata; it has 'counts'"):
        cr.fit(path, planted.sets, layer="raw", **SHORT)
    # the file is closed, so it can be opened again
    with cr.open_store(path) as adata:
        assert adata.shape == planted.adata.shape and str(path) in repr(adata)
        with pytest.raises(ValueError, match="to_memory"):
            adata.copy()
        with pytest.raises(ValueError, match="copy=True"):
            cr.pp.add_programs(adata, planted.sets, copy=True)
    with pytest.raises(ValueError, match="was closed"):
        cr.update_store(adata)
    with pytest.raises(TypeError, match="not in a store"):
        cr.update_store(planted.adata)


def test_a_full_disk_is_noticed_before_training(path, planted, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 100))
    monkeypatch.setattr(cr.ProgramVAE, "train", None)
    with pytest.raises(OSError, match="GB left"):
        cr.fit(path, planted.sets, **SHORT)


def test_files_that_cannot_be_used(tmp_path, planted, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no file"):
        cr.fit(tmp_path / "absent.h5ad", planted.sets)
    text = tmp_path / "text.h5ad"
    text.write_text("counts")
    with pytest.raises(ValueError, match=r"could not be opened"):
        cr.open_store(text)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="no zarr store"):
        cr.open_store(tmp_path / "folder")
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["x"] = [1]
    with pytest.raises(ValueError, match="no obs and no var, but x"):
        cr.open_store(tmp_path / "other.h5ad")
    with pytest.raises(ValueError, match="mode='w'"):
        cr.open_store(text, mode="w")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermissionError, match='mode="r"'):
        cr.fit(text, planted.sets)


def test_truncated_files(path, planted):
    if path.suffix == ".h5ad":
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match="could not be opened.*truncated"):
            cr.fit(path, planted.sets)
        return
    # zarr would read zeros
    chunks = [file for file in (path / "layers" / "counts" / "data").rglob("*") if file.name[0].isdigit()]
    chunks[0].unlink()
    with pytest.raises(ValueError, match=r"layers\['counts'\].*1 of the \d+ chunks of data are missing"):
        cr.fit(path, planted.sets)


@pytest.mark.parametrize("part", ["data", "indptr"])
def test_matrices_that_are_not_whole(path, part):
    with cr.open_store(path) as adata:
        group = adata.root["X"]
        del group[part]
        if part == "data":
            ad.io.write_elem(group, part, np.ones(3, dtype="float32"))
    with pytest.raises(ValueError, match="X of .* is damaged or incomplete"):
        cr.open_store(path)


def test_matrices_stored_by_genes(planted, tmp_path):
    adata = planted.adata
    adata.layers["counts"] = adata.X.copy()
    adata.X = adata.X.tocsc()
    adata.write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(ValueError, match=r"adata.X is stored by genes.*tocsr"):
        cr.fit(tmp_path / "x.h5ad", planted.sets, **SHORT)
    cr.fit(tmp_path / "x.h5ad", planted.sets, layer="counts", **SHORT).adata.close()


def test_missing_values_are_replaced_when_rows_are_read():
    values = np.array([[1.0, np.nan], [np.nan, 2.0]], dtype=np.float32)
    rows = Rows(values, 0.5)
    np.testing.assert_array_equal(rows[:1], [[1.0, 0.5]])
    np.testing.assert_array_equal(rows[:], [[1.0, 0.5], [0.5, 2.0]])
    assert np.isnan(values).sum() == 2 and rows[:].dtype == np.float32
