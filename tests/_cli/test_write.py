"""What is written is checked before training, and is whole or not there."""

import os
import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from crystallin._cli import _write
from crystallin._cli._write import check_folder, try_out, write


def small(value=0):
    adata = ad.AnnData(sparse.csr_matrix(np.eye(3, dtype=np.float32)), obs=pd.DataFrame(index=list("abc")))
    adata.uns["value"] = value
    return adata


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("out", "match"),
    [
        ("x.csv", "--out 'x.csv' must end in .h5ad or .zarr"),
        ("x", "must end in"),
        ("folder.h5ad", "is a folder; give another name"),
        ("other.zarr", "is a folder of other files"),
        ("file.zarr", "is a file, where a .zarr store is a folder"),
        ("file.zarr/x.h5ad", "--out: .*file.zarr' is a file, not a folder"),
        ("in.h5ad", "--out is the input"),
        ("./folder.h5ad/../in.h5ad", "--out is the input"),
    ],
)
def test_places_are_refused_before_training(command, tmp_path, out, match):
    (tmp_path / "folder.h5ad").mkdir()
    (tmp_path / "other.zarr").mkdir()
    (tmp_path / "other.zarr" / "mine.txt").touch()
    (tmp_path / "file.zarr").touch()
    before = names(tmp_path)
    result = command(out=out)
    assert result.status == 2 and not result.calls
    assert result.err.startswith("crystallin: ") and re.search(match, result.err)
    assert names(tmp_path) == before


def test_a_place_within_the_input_is_refused(command, tmp_path):
    command.adata.write_zarr(tmp_path / "in.zarr")
    result = command(source="in.zarr", out="in.zarr/x.h5ad")
    assert result.status == 2 and not result.calls and "lies in the input" in result.err


@pytest.mark.parametrize(
    ("figures", "match"), [("sets.gmt", "--figures: .* is a file"), ("out.h5ad", "is --out or lies in it")]
)
def test_figures_are_a_folder(command, figures, match):
    result = command("--figures", figures)
    assert result.status == 2 and not result.calls
    assert re.search(match, result.err)


def test_permissions(command, tmp_path, monkeypatch):
    # the superuser may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    result = command()
    assert result.status == 2 and not result.calls and "no permission to write in" in result.err
    (tmp_path / "out.h5ad").write_text("mine")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "out.h5ad")
    result = command()
    assert result.status == 2 and not result.calls and "must not be changed" in result.err
    with pytest.raises(PermissionError, match="--figures: no permission"):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        check_folder(tmp_path / "new" / "folder", "--figures")


def test_new_folders_are_made_and_removed_again(command, tmp_path):
    assert command("--figures", "a/b", out="c/d/out.h5ad").status == "trained"
    assert not (tmp_path / "a").exists() and not (tmp_path / "c").exists()


def test_what_cannot_be_written_is_noticed_before_training(command, tmp_path, monkeypatch):
    def unwritable(path):
        adata = ad.read_h5ad(path)
        adata.obs["mixed"] = [*["text"] * 499, 3.5]
        return adata

    monkeypatch.setattr("crystallin._cli._run.read_counts", unwritable)
    result = command()
    assert result.status == 2 and not result.calls
    assert "The data cannot be written to 'out.h5ad'" in result.err and "mixed" in result.err
    assert names(tmp_path) == ["in.h5ad", "sets.gmt"]


def test_every_slot_is_tried(tmp_path, planted):
    adata = planted.adata
    adata.raw = adata.copy()
    adata.layers["counts"], adata.obsm["x"], adata.varm["y"] = adata.X, np.ones((500, 2)), np.ones((240, 2))
    adata.obsm["table"], adata.obsm["sparse"] = adata.obs[["age"]], adata.X
    adata.obsp["d"], adata.varp["e"], adata.uns["u"] = sparse.eye(500).tocsr(), sparse.eye(240).tocsr(), {"a": 1}
    before = adata.copy()
    for suffix in ("h5ad", "zarr"):
        try_out(adata, tmp_path / f"out.{suffix}")
    assert not names(tmp_path) and str(adata) == str(before)
    adata.raw.var["mixed"] = [*["a"] * 239, 1.5]
    with pytest.raises(ValueError, match="cannot be written"):
        try_out(adata, tmp_path / "out.h5ad")


@pytest.mark.parametrize("name", ["out.h5ad", "out.zarr"])
def test_a_result_replaces_an_older_one_whole(tmp_path, name, monkeypatch):
    read = ad.read_zarr if name.endswith("zarr") else ad.read_h5ad
    for value in (1, 2):
        write(small(value), tmp_path / name)
        assert read(tmp_path / name).uns["value"] == value
    real = _write._write

    def interrupted(adata, path):
        real(adata, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(_write, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(small(3), tmp_path / name)
    assert names(tmp_path) == [name] and read(tmp_path / name).uns["value"] == 2


def test_an_older_store_is_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    write(small(1), tmp_path / "out.zarr")
    rename = Path.rename

    def refuse(self, target):
        if "part0" in self.name:
            raise PermissionError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        write(small(2), tmp_path / "out.zarr")
    assert names(tmp_path) == ["out.zarr"] and ad.read_zarr(tmp_path / "out.zarr").uns["value"] == 1


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    write(small(1), tmp_path / "real" / "x.h5ad")
    (tmp_path / "link.h5ad").symlink_to(tmp_path / "real" / "x.h5ad")
    write(small(2), tmp_path / "link.h5ad")
    assert (tmp_path / "link.h5ad").is_symlink() and ad.read_h5ad(tmp_path / "real" / "x.h5ad").uns["value"] == 2
