"""Windows of cells that are read from disk."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import torch
from scipy import sparse

import crystallin as cr
from crystallin import _checks as checks
from crystallin.model import _windows
from crystallin.model._resident import RegisteredCells


@pytest.fixture
def cells(planted, tmp_path, monkeypatch):
    """Registered cells on disk, in windows of 96 cells with blocks of 8."""
    monkeypatch.setattr(_windows, "WINDOW_CELLS", 100)
    monkeypatch.setattr(_windows, "BLOCK_CELLS", 8)
    planted.adata.obs["position"] = np.arange(planted.adata.n_obs, dtype=float)
    planted.adata.write_h5ad(tmp_path / "x.h5ad")
    with cr.open_store(tmp_path / "x.h5ad", mode="r") as adata:
        cr.ProgramVAE.setup_anndata(adata, continuous_covariate_keys=["position"])
        cr.pp.add_programs(adata, planted.sets)
        yield RegisteredCells(cr.ProgramVAE(adata).adata_manager, torch.device("cpu")), planted.adata.X.toarray()


def positions(minibatch):
    return minibatch["extra_continuous_covs"][:, 0].numpy().astype(int)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_cell_comes_once_with_its_counts(cells, shuffle, drop_last):
    cells, counts = cells
    indices = np.random.default_rng(0).permutation(len(counts))[:450]
    loader = cells.loader(indices, 32, shuffle=shuffle, drop_last=drop_last)
    minibatches = list(loader)
    assert len(minibatches) == len(loader) == (450 // 32 if drop_last else 15)
    found = [positions(minibatch) for minibatch in minibatches]
    assert [len(part) for part in found[:-1]] == [32] * (len(found) - 1)
    order = np.concatenate(found)
    assert len(set(order)) == len(order)
    if not drop_last:
        assert set(order) == set(indices)
    assert (order.tolist() == indices[: len(order)].tolist()) != shuffle
    for part, minibatch in zip(found, minibatches, strict=True):
        np.testing.assert_array_equal(minibatch["X"].dense().numpy(), counts[part])


def test_shuffled_windows_are_new_in_each_epoch_and_mix_blocks(cells):
    cells, _ = cells
    # a whole number of blocks
    loader = cells.loader(np.arange(480), 32, shuffle=True)
    first, second = ([positions(minibatch) for minibatch in loader] for _ in range(2))
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    # a window of 96 cells has 12 blocks, and a minibatch has cells of most of them
    assert np.mean([len(np.unique(part // 8)) for part in first[:-1]]) > 8
    # a window is made of whole blocks
    window = np.sort(np.concatenate(first[:3]))
    assert all(len(block) == 8 for block in np.split(window, np.flatnonzero(np.diff(window // 8)) + 1))


def test_cells_for_validation_are_read_once(cells, monkeypatch):
    cells, _ = cells
    read = cells.rows_of
    calls = []
    monkeypatch.setattr(cells, "rows_of", lambda at: calls.append(len(at)) or read(at))
    loader = cells.loader(np.arange(0, 90, 2), 32, shuffle=False)
    for _ in range(3):
        assert np.concatenate([positions(minibatch) for minibatch in loader]).tolist() == list(range(0, 90, 2))
    assert calls.count(45) == 1


def test_batches_of_any_size_are_read_many_at_a_time(cells, monkeypatch):
    cells, counts = cells
    order = np.random.default_rng(0).permutation(450)
    batches = np.split(order, [30, 95, 100, 260])
    read, calls = cells.rows_of, []
    monkeypatch.setattr(cells, "rows_of", lambda at: calls.append(len(at)) or read(at))
    for batch, minibatch in zip(batches, cells.each(batches), strict=True):
        assert positions(minibatch).tolist() == batch.tolist()
        np.testing.assert_array_equal(minibatch["X"].dense().numpy(), counts[batch])
    # at most 100 cells, or one batch; the first 8 cells tell how many that are
    assert calls == [8, 100, 160, 190]


def test_windows_are_smaller_if_cells_have_many_counts(cells, monkeypatch):
    cells, counts = cells
    assert _windows.window_cells(cells) == 100
    monkeypatch.setattr(_windows, "WINDOW_ENTRIES", -(-20 * np.count_nonzero(counts[:8]) // 8))
    assert _windows.window_cells(cells) == 20
    monkeypatch.setattr(_windows, "WINDOW_ENTRIES", 1)
    assert _windows.window_cells(cells) == 8


@pytest.mark.parametrize("kind", ["csr", "dense", "disk csr", "disk dense", "backed"])
def test_rows_in_any_order_from_any_matrix(planted, tmp_path, kind):
    expected = planted.adata.X.toarray()
    adata = ad.AnnData(expected if "dense" in kind else sparse.csr_matrix(expected))
    adata.write_h5ad(tmp_path / "x.h5ad")
    matrix = adata.X
    if kind.startswith("disk"):
        matrix = cr.open_store(tmp_path / "x.h5ad").X
    elif kind == "backed":
        matrix = ad.read_h5ad(tmp_path / "x.h5ad", backed="r").X
    reader = checks.RowReader(matrix)
    for at in ([3], [499, 0, 250], [7, 7, 2], np.random.default_rng(0).permutation(500), [0, 64, 65, 200]):
        np.testing.assert_array_equal(reader(np.asarray(at)).toarray(), expected[at])


def test_rows_of_one_chunk_are_read_together(tmp_path, monkeypatch):
    expected = sparse.random(400, 50, 0.1, format="csr", random_state=0, dtype=np.float32)
    ad.AnnData(expected).write_h5ad(tmp_path / "x.h5ad", compression="gzip")
    at = np.arange(0, 400, 100)
    with cr.open_store(tmp_path / "x.h5ad", mode="r") as adata:
        reader = checks.RowReader(adata.X)
        chunk, run, runs = reader._arrays["indices"].chunks[0], reader._run, []
        assert chunk > 200 * 5
        monkeypatch.setattr(reader, "_run", lambda start, stop: runs.append((start, stop)) or run(start, stop))
        np.testing.assert_array_equal(reader(at).toarray(), expected[at].toarray())
        assert runs == [(0, 301)]
        # but no more at a time than memory has room for
        monkeypatch.setattr(checks._layout, "CHUNK_ROWS", 150)
        np.testing.assert_array_equal(reader(at).toarray(), expected[at].toarray())
        assert runs[1:] == [(0, 101), (200, 201), (300, 301)]
