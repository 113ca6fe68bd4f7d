"""Completed programs: what is added, what stays as it was, and what is stored."""

import logging

import anndata as ad
import numpy as np
import pytest

import crystallin as cr

from ._contents import changed, contents

SHORT = {"enable_progress_bar": False, "posterior_epochs": 10}


@pytest.fixture(scope="module")
def _completed(_lacking):
    adata = _lacking.adata.copy()
    before = contents(adata)
    digest = _lacking.model.digest
    model = cr.complete(adata, _lacking.model, **SHORT)
    assert _lacking.model.digest == digest
    return adata, model, changed(before, contents(adata))


def test_activities_come_nearer_to_the_truth(_completed, _lacking):
    from .conftest import plant

    adata, model, _ = _completed
    truth = plant(seed=3, n_cells=1_000).activity
    r = {
        key: [np.corrcoef(truth[:, k], values[f"Program/{k}"])[0, 1] for k in range(8)]
        for key, values in (
            ("programs", cr.get.activity_df(adata)),
            ("completed", cr.get.activity_df(adata, key="completed")),
        )
    }
    assert np.median(r["completed"]) > np.median(r["programs"])
    assert np.min(r["completed"]) > np.min(r["programs"]) - 0.02


def test_what_is_added_is_told_from_what_was_there(_completed, _lacking):
    adata, model, _ = _completed
    added = adata.varm["completed_added"]
    additions = adata.uns["completed"]["additions"]
    assert added.nnz == len(additions) == model.prior.nnz - _lacking.model.prior.nnz > 0
    found = set(zip(additions["program"], additions["gene"], strict=True))
    assert len(found & _lacking.missing) >= 0.7 * len(found)
    # original members are where they were
    assert (model.prior - added != _lacking.model.prior).nnz == 0
    assert additions["round"].min() == 1 and additions["q"].le(0.1).all()
    table = cr.get.programs_df(adata, key="completed", columns="all")
    assert table["n_added"].sum() == added.nnz
    assert table["n_present"].tolist() == cr.get.programs_df(adata, columns="all")["n_present"].tolist()
    assert (model.get_loadings().to_numpy()[added.toarray() != 0] > 0).mean() > 0.9
    loadings = cr.get.loadings_df(adata, key="completed")
    assert loadings["added"].sum() == added.nnz
    assert not cr.get.loadings_df(adata, key="completed", n_genes=3).empty


def test_slots(_completed):
    adata, model, wrote = _completed
    assert not [place for place in wrote if "completed" not in place]
    assert {"obsm['X_completed']", "obsm['X_completed_total']", "varm['completed_loadings']"} <= wrote
    # the audit by which the programs were completed, and the sets as the model has them
    suggested = cr.get.audit_df(adata, verdict="suggested", key="completed", columns="all")
    additions = adata.uns["completed"]["additions"]
    assert len(suggested) == (additions["round"] == 1).sum()
    net = cr.get.completed_programs(adata, key="completed")
    added = net[net["origin"] == "added"].set_index(["source", "target"])
    assert len(net) == model.prior.nnz and len(added) == model.added_members.nnz
    found = additions.set_index(["program", "gene"]).loc[added.index]
    np.testing.assert_allclose(added["q"], found["q"])
    assert cr.pl.audit(adata, additions["program"].iloc[0], key="completed")


def test_files(_completed, tmp_path):
    adata, model, _ = _completed
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata.write_zarr(tmp_path / "a.zarr")
    for read in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        assert read.varm["completed_added"].nnz == adata.varm["completed_added"].nnz
        assert (
            cr.get.programs_df(read, key="completed", columns="all")["n_added"].sum()
            == adata.varm["completed_added"].nnz
        )
    model.save(tmp_path / "model")
    loaded = cr.ProgramVAE.load(tmp_path / "model", adata)
    assert (loaded.added_members != model.added_members).nnz == 0 and loaded.digest == model.digest
    # a query gets the additions from the model
    query = adata[:50].copy()
    for where in (query.uns, query.varm, query.obsm):
        for key in [key for key in where if "completed" in key or key.startswith(("X_", "programs"))]:
            del where[key]
    cr.tl.activity(query, loaded, key_added="mine")
    assert query.varm["mine_added"].nnz == model.added_members.nnz


def test_tools_read_completed_programs(_completed):
    adata, model, _ = _completed
    cr.tl.rank_programs_groups(adata, model, "cell_type", key="completed")
    differences = cr.get.rank_programs_groups_df(adata, key="completed", columns="all")
    grown = differences["program"].map(cr.get.programs_df(adata, key="completed", columns="all")["n_added"]) > 0
    assert differences.loc[grown, "added_share"].between(0, 1).all() and differences["added_share"].max() > 0
    assert not differences.loc[~grown, "added_share"].any()
    cr.tl.leakage(adata, model, groupby="cell_type", key="completed", max_cells=5)
    table = cr.get.leakage_df(adata, key="completed")
    assert (table["leakage_added"] > 0).any()
    assert (table["leakage"] + table["leakage_added"] <= 1).all()


def test_programs_can_be_completed_twice(_completed):
    adata, model, _ = _completed
    adata = adata.copy()
    n = adata.varm["completed_added"].nnz
    again = cr.complete(adata, model, key="completed", key_added="twice", max_rounds=1, **SHORT)
    assert again.added_members.nnz >= n
    assert "twice_audit_programs" in adata.uns
    origin = cr.get.completed_programs(adata, key="twice")["origin"]
    assert (origin == "added").sum() == again.added_members.nnz
    assert set(adata.uns["twice"]["additions"]["gene"]) >= set(adata.uns["completed"]["additions"]["gene"])


def test_nothing_to_add(lacking, caplog):
    with caplog.at_level(logging.INFO):
        model = cr.complete(lacking.adata, lacking.model, min_loading=1_000.0, **SHORT)
    assert model is lacking.model
    assert lacking.adata.uns["completed"]["additions"].empty and "completed_added" not in lacking.adata.varm
    np.testing.assert_array_equal(lacking.adata.obsm["X_completed"], lacking.adata.obsm["X_programs"])


def test_fit_completes(_lacking):
    cells = ad.AnnData(_lacking.adata.X.copy(), obs=_lacking.adata.obs[["donor"]])
    cells.var_names = _lacking.adata.var_names
    sets = {
        name: _lacking.adata.var_names[column != 0].tolist()
        for name, column in zip(_lacking.model.program_names, _lacking.model.prior.toarray().T, strict=True)
    }
    options = {"max_epochs": 60, "plan_kwargs": {"lr": 1e-2}, "screen": {"n_null": 200, "drop": False}}
    model = cr.fit(cells, sets, complete={"max_rounds": 1}, enable_progress_bar=False, **options)
    assert model.added_members.nnz == cells.varm["programs_added"].nnz > 0
    # tools find the completed programs under the usual key
    cr.tl.program_importance(cells, model)
    assert cells.uns["programs"]["table"]["n_added"].sum() == model.added_members.nnz
    read = cr.ProgramVAE(cells)
    assert (read.added_members != model.added_members).nnz == 0
    net = cr.get.completed_programs(cells)
    assert (net["origin"] == "added").sum() == model.added_members.nnz
    assert len(cr.get.audit_df(cells, verdict="suggested", columns="all"))


@pytest.mark.parametrize(
    ("options", "error"),
    [({"fdr": 2}, ValueError), ({"sample_key": "nobody"}, KeyError), ({"max_rounds": 0}, ValueError)],
    ids=str,
)
def test_fit_checks_the_completion_before_training(adata, options, error, monkeypatch):
    monkeypatch.setattr(cr.ProgramVAE, "train", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(error):
        cr.fit(adata, {"a": ["g1", "g2"], "b": ["g3", "g4"]}, complete=options, min_genes=1)


def test_fit_says_before_training_that_nothing_is_awake(adata, monkeypatch):
    monkeypatch.setattr(cr.ProgramVAE, "train", lambda *args, **kwargs: pytest.fail("trained"))
    sets = {f"random {i}": [f"g{7 * i + 31 * j}" for j in range(6)] for i in range(3)}
    with pytest.warns(UserWarning, match="awake"), pytest.raises(ValueError, match="None of the 3 programs is awake"):
        cr.fit(adata, sets, complete=True, screen={"drop": False, "n_null": 100}, key_added="mine")


def test_a_users_audit_is_kept(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model, genes=lacking.whole)
    before = contents(lacking.adata)
    cr.complete(lacking.adata, lacking.model, max_rounds=1, **SHORT)
    assert not [place for place in changed(before, contents(lacking.adata)) if "completed" not in place]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"key_added": "programs"}, ValueError, "choose another"),
        ({"max_rounds": 0}, ValueError, "max_rounds"),
        ({"fdr": 1.0}, ValueError, "fdr"),
        ({"sample_key": "nobody"}, KeyError, "nobody"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"nonsense": 1}, TypeError, "nonsense"),
        ({"programs": []}, ValueError, "programs is empty"),
    ],
    ids=str,
)
def test_bad_input(lacking, options, error, message):
    before = contents(lacking.adata)
    with pytest.raises(error, match=message):
        cr.complete(lacking.adata, lacking.model, **options)
    assert not changed(before, contents(lacking.adata))


def test_nothing_is_written_if_training_fails(lacking, monkeypatch):
    before = contents(lacking.adata)

    def fail(*args, **kwargs):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(cr.ProgramVAE, "train", fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        cr.complete(lacking.adata, lacking.model, **SHORT)
    assert not changed(before, contents(lacking.adata))


def test_a_model_without_data_is_refused(lacking, tmp_path):
    lacking.model.save(tmp_path / "model")
    model = cr.ProgramVAE.load(tmp_path / "model", adata=False)
    with pytest.raises(ValueError, match="Load it with them"):
        cr.complete(lacking.adata, model)


@pytest.mark.parametrize("complete", [1, "yes", {"nonsense": 1}, ["fdr"]])
def test_fit_checks_complete_first(adata, complete):
    with pytest.raises(ValueError, match="complete="):
        cr.fit(adata, {"a": ["g1", "g2"]}, complete=complete, min_genes=1)
