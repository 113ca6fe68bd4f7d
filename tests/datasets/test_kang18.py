import anndata as ad
import numpy as np
import pytest
from scipy import sparse

import crystallin as cr


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CRYSTALLIN_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def file(folder):
    adata = ad.AnnData(sparse.csr_matrix(np.eye(4, dtype=np.float32)))
    adata.obs["label"], adata.obs["replicate"] = ["ctrl", "stim"] * 2, ["patient_1015", "patient_1016"] * 2
    adata.obs["cell_type"] = "B cells"
    adata.write_h5ad(folder / "kang_2018.h5ad")


def test_a_file_that_is_there_is_taken(file, monkeypatch):
    monkeypatch.setattr("pooch.retrieve", lambda *_, **__: pytest.fail("downloaded"))
    adata = cr.datasets.kang18()
    assert adata.obs["condition"].tolist() == ["ctrl", "stim"] * 2
    assert adata.obs["donor"].tolist() == ["1015", "1016"] * 2
    assert (adata.layers["counts"] != adata.X).nnz == 0 and adata.layers["counts"] is not adata.X


def test_is_downloaded_to_the_folder(folder, monkeypatch):
    asked = {}

    def retrieve(url, **kwargs):
        asked.update(url=url, **kwargs)
        raise OSError("no route")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(ConnectionError, match=r"Could not download .*no route.*CRYSTALLIN_DATA_DIR"):
        cr.datasets.kang18()
    assert asked["url"].endswith("kang_2018.h5ad") and asked["path"] == folder


def test_without_the_variable_the_systems_cache(monkeypatch):
    monkeypatch.delenv("CRYSTALLIN_DATA_DIR", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: f"/nowhere/{name}")
    monkeypatch.setattr("pooch.retrieve", lambda url, **kwargs: (_ for _ in ()).throw(OSError(str(kwargs["path"]))))
    with pytest.raises(ConnectionError, match="/nowhere/crystallin"):
        cr.datasets.kang18()


def test_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CRYSTALLIN_DATA_DIR", str(tmp_path / "missing"))
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        cr.datasets.kang18()


def test_damaged_or_other_files_are_named(folder):
    (folder / "kang_2018.h5ad").write_bytes(b"half a file")
    with pytest.raises(ValueError, match="kang_2018.h5ad' could not be read .*delete it"):
        cr.datasets.kang18()
    ad.AnnData(sparse.csr_matrix(np.eye(4, dtype=np.float32))).write_h5ad(folder / "kang_2018.h5ad")
    with pytest.raises(ValueError, match="is another file: its obs has no label, replicate"):
        cr.datasets.kang18()
