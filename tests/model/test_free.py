"""Free programs of a model: what they find, what they leave alone, and how they are stored."""

import anndata as ad
import numpy as np
import pytest
import torch

import crystallin as cr
from crystallin.model._unmeasured import typical_information


@pytest.fixture(scope="module")
def simulated():
    """Cells in which two strong programs have no set."""
    adata = cr.datasets.simulate(
        1_200, 300, n_programs=10, n_decoys=6, n_missing=3, program_size=(15, 30), effect=0.8, depth=1_500
    )
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    cr.pp.screen_programs(adata, n_null=200)
    cr.ProgramVAE.setup_anndata(adata)
    return adata


@pytest.fixture(scope="module")
def freed(simulated):
    model = cr.ProgramVAE(simulated, n_unannotated="auto")
    model.train(max_epochs=15)
    return model


def test_they_find_programs_without_a_set(simulated, freed):
    assert 1 <= len(freed.free_names) <= 20
    truth = simulated.obsm["true_activity"]
    known = set(freed.program_names)
    names = [str(name) for name in simulated.uns["simulation"]["dimensions"]["program"]]
    lost = [i for i, name in enumerate(names) if name not in known]
    r = np.abs(np.corrcoef(truth[:, lost].T, freed.get_activity(kind="free").T)[: len(lost), len(lost) :])
    assert np.median(r.max(axis=1)) > 0.6


def test_awake_programs_keep_what_is_theirs(freed):
    decoder, awake = freed.module.decoder, freed.programs_table["awake"].to_numpy()
    assert awake.any() and decoder.protected.tolist() == awake.tolist()
    loadings = freed.get_loadings().to_numpy(dtype=float)
    information = typical_information(freed.module)
    centred = loadings - information @ loadings / information.sum()
    metric = centred.T @ (information[:, None] * centred)
    n, free = len(awake), slice(len(awake), None)
    shared = np.abs(metric[:n, free]) / np.sqrt(np.diag(metric)[:n, None] * np.diag(metric)[free])
    assert shared[awake].max() < 0.01 < shared[~awake].max()


def test_they_are_sparse(freed):
    decoder = freed.module.decoder
    n = decoder.n_free
    others = torch.ones(decoder.n_genes, dtype=torch.bool)
    edges = decoder.edges
    others[edges.gene[decoder.protected[edges.program]]] = False
    outside = ~decoder.free_support[:n] & others
    assert not decoder.unannotated[:n][outside].any() and not decoder.unannotated[n:].any()
    assert 0 < decoder.free_support[:n].float().mean() < 0.6


def test_without_a_screening_all_programs_are_left_alone(quick):
    model = quick(n_unannotated=1)
    assert model.module.decoder.protected.all()


def test_names_say_which_genes(freed):
    genes = freed.get_free_genes()
    assert list(genes) == freed.free_names.tolist() == freed.get_loadings().columns[len(freed.program_names) :].tolist()
    name, loadings = next(iter(genes.items()))
    signed = [f"{'-' if value < 0 else ''}{gene}" for gene, value in loadings[:3].items()]
    assert name == f"free 1 ({', '.join(signed)})"


def test_a_saved_model_has_them(freed, simulated, tmp_path):
    freed.save(tmp_path / "model", save_anndata=False)
    again = cr.ProgramVAE.load(tmp_path / "model", adata=simulated)
    assert again.free_names.tolist() == freed.free_names.tolist()
    for one, other in zip(again.get_activity(kind="free", return_sd=True), freed.get_activities()["free"], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_they_are_written_and_read(freed, simulated, tmp_path):
    adata = simulated.copy()
    cr.tl.activity(adata, freed)
    cr.tl.loadings(adata, freed)
    names = freed.free_names.tolist()
    table = adata.uns["programs"]["free"]
    assert table["name"].tolist() == names and table["genes"].str.count(",").eq(9).all()
    assert adata.varm["programs_free_loadings"].shape == (adata.n_vars, len(names))
    wide = cr.get.activity_df(adata, free=True)
    assert wide.columns[-len(names) :].tolist() == names
    np.testing.assert_array_equal(wide[names], adata.obsm["X_programs_free"])
    np.testing.assert_array_equal(
        cr.get.activity_df(adata, "free 1", sd=True)["free 1 sd"], adata.obsm["programs_free_sd"][:, 0]
    )
    both = cr.get.activity_df(adata, [names[0], freed.program_names[0]], kind="total")
    assert both.columns.tolist() == [names[0], freed.program_names[0]]
    acts = cr.get.activity(adata, free=True)
    assert acts.var_names[-1] == names[-1] and not acts.var["decoy"].iloc[-1]
    assert set(names).isdisjoint(cr.get.activity(adata).var_names)
    cr.pl.violin(adata, "free 1", groupby="cell_type", show=False)
    adata.write_h5ad(tmp_path / "adata.h5ad")
    assert ad.read_h5ad(tmp_path / "adata.h5ad").uns["programs"]["free"]["name"].tolist() == names


def test_those_of_an_earlier_model_are_removed(freed, simulated):
    adata = simulated.copy()
    cr.tl.activity(adata, freed)
    cr.tl.loadings(adata, freed)
    plain = cr.ProgramVAE(simulated)
    plain.train(max_epochs=1)
    cr.tl.activity(adata, plain)
    cr.tl.loadings(adata, plain)
    assert not [slot for slot in [*adata.obsm, *adata.varm] if "free" in slot] and "free" not in adata.uns["programs"]
    with pytest.raises(KeyError, match="free 1"):
        cr.get.activity_df(adata, "free 1")
    with pytest.raises(ValueError, match="no free programs"):
        plain.get_activity(kind="free")


def test_a_sleeping_set_with_their_genes_is_a_hint(freed, simulated, monkeypatch):
    from crystallin.tl._shared import _free

    adata = simulated.copy()
    monkeypatch.setattr(
        _free.stats,
        "enrichment",
        lambda chosen, sets: np.where(np.arange(len(sets)) == 1, 1e-9, 1.0) * np.ones((len(chosen), 1)),
    )
    cr.tl.activity(adata, freed)
    sleeping = freed.program_names[~freed.programs_table["awake"].to_numpy()]
    assert (adata.uns["programs"]["free"]["hint"] == sleeping[1]).all()


def test_numbers_that_make_no_sense_are_refused(adata):
    cr.ProgramVAE.setup_anndata(adata)
    for given in ("many", -1, 1.5):
        with pytest.raises((TypeError, ValueError), match="n_unannotated"):
            cr.ProgramVAE(adata, n_unannotated=given)


def test_they_need_the_second_stage(adata):
    cr.pp.add_programs(adata, {"one": adata.var_names[:10], "other": adata.var_names[5:20]})
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, n_unannotated=2)
    with pytest.raises(ValueError, match="second stage.*posterior_epochs=0"):
        model.train(max_epochs=2, posterior_epochs=0)
    model.train(max_epochs=2)
    # those that have started can go on without it
    model.train(max_epochs=1, posterior_epochs=0)
    assert len(model.free_names)


def test_activities_that_were_removed_are_missed(freed, simulated):
    adata = simulated.copy()
    cr.tl.activity(adata, freed)
    del adata.obsm["X_programs_free"]
    with pytest.raises(KeyError, match=r"X_programs_free.*crystallin.tl.activity"):
        cr.get.activity_df(adata, "free 1")


def test_the_summary_says_how_many(adata):
    cr.ProgramVAE.setup_anndata(adata)
    assert "up to 20 free programs" in cr.ProgramVAE(adata, n_unannotated="auto")._model_summary_string
    assert "3 free programs" in cr.ProgramVAE(adata, n_unannotated=3)._model_summary_string
