"""Several fits that are used like one model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import crystallin as cr
from crystallin.model import _refits
from crystallin.model._ensemble import with_between

SHORT = {"posterior_epochs": 8, "enable_progress_bar": False}


@pytest.fixture(scope="module")
def _fitted(_trained):
    adata, model = _trained
    adata = adata.copy()
    return adata, cr.ensemble(adata, model, n_fits=4, **SHORT)


@pytest.fixture
def fitted(_fitted):
    """A copy of the data with the results of an ensemble, and the ensemble."""
    return _fitted[0].copy(), _fitted[1]


def halves(model, n_fits, resample="cells"):
    return _refits.check_resampling(model.adata, n_fits, resample, 0)


def test_halves_come_in_pairs_without_a_cell_in_common(model):
    parts = halves(model, 6)
    n = model.adata.n_obs
    assert [len(part) for part in parts] == [n // 2] * 5
    for a, b in ((0, 1), (2, 3)):
        assert sorted([*parts[a], *parts[b]]) == list(range(n))
    assert set(parts[0]) != set(parts[2])
    assert all(a is None for a in halves(model, 4, "seed"))
    np.testing.assert_array_equal(parts[0], halves(model, 3)[0])


def test_halves_of_samples(result, model):
    donor = np.arange(result.n_obs) % 5
    result.obs["donor"] = donor.astype(str)
    parts = _refits.check_resampling(result, 5, "donor", 0)
    assert [len(np.unique(donor[part])) for part in parts] == [2, 3, 2, 3]
    for part in parts:
        # whole samples
        assert np.isin(donor, donor[part]).sum() == len(part)
    assert not set(donor[parts[0]]) & set(donor[parts[1]])


def test_means_are_those_of_the_first_fit_and_the_rest_is_in_the_sd(fitted, model):
    adata, ensemble = fitted
    assert ensemble.model is model and len(ensemble.refits) == 3 and not ensemble.failed
    first, mean = model.get_activities(), ensemble.get_activities()
    refits = ensemble.get_refit_activities()
    for kind in ("unique", "total"):
        np.testing.assert_array_equal(mean[kind][0], first[kind][0])
        each = np.stack([fit.get_activity(kind=kind) for fit in ensemble.refits], axis=1)
        np.testing.assert_array_equal(refits[kind], each)
        between = np.square(each - first[kind][0][:, None]).mean(1)
        np.testing.assert_allclose(mean[kind][1] ** 2, first[kind][1] ** 2 + between, rtol=1e-4)
        np.testing.assert_array_equal(ensemble.get_activity(kind=kind, return_sd=True)[1], mean[kind][1])
        assert between.mean() > 1e-4
    some = ensemble.get_activity(indices=[3, 1], return_sd=True)
    np.testing.assert_allclose(some[1], mean["unique"][1][[3, 1]], rtol=1e-3)
    # what is not described at the ensemble is that of the first fit
    np.testing.assert_array_equal(ensemble.get_loadings(), model.get_loadings())
    assert ensemble.program_names.tolist() == model.program_names.tolist()
    reading = ensemble.reading(adata)
    np.testing.assert_allclose(ensemble.get_activity(reading), mean["unique"][0], atol=1e-5)


def test_in_anndata(fitted):
    adata, ensemble = fitted
    mean, sd = ensemble.get_activities()["total"]
    np.testing.assert_array_equal(adata.obsm["X_programs_total"], mean)
    np.testing.assert_array_equal(adata.obsm["programs_total_sd"], sd)
    refits = adata.obsm["X_programs_refits"]
    assert refits.shape == (adata.n_obs, 3, 16) and refits.dtype == np.float32
    table = cr.get.programs_df(adata, columns="all")
    r = [np.corrcoef(adata.obsm["X_programs"][:, 2], refits[:, fit, 2])[0, 1] for fit in range(3)]
    assert table["stability"].iloc[2] == pytest.approx(np.mean(r), abs=1e-5)
    assert table[["stability", "total_stability", "loadings_stability"]].iloc[:8].min().min() > 0.5
    np.testing.assert_allclose(adata.varm["programs_loadings_sd"], ensemble.get_loadings_sd(), rtol=1e-6)
    a = ensemble.get_loadings().to_numpy()[:, 1]
    cosines = [
        a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for b in (f.get_loadings().to_numpy()[:, 1] for f in ensemble.refits)
    ]
    assert table["loadings_stability"].iloc[1] == pytest.approx(np.mean(cosines), abs=1e-5)


def test_a_single_model_takes_the_place_of_an_ensemble(fitted, model):
    adata, ensemble = fitted
    with pytest.raises(ValueError, match="not those of this model"):
        cr.tl.rank_programs_groups(adata, model, "cell_type")
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    assert not {"X_programs_refits", "X_programs_total_refits"} & set(adata.obsm)
    assert "programs_loadings_sd" not in adata.varm
    assert not {"stability", "loadings_stability"} & set(adata.uns["programs"]["table"])
    with pytest.raises(ValueError, match="not those of this model"):
        cr.tl.rank_programs_groups(adata, ensemble, "cell_type")


def test_rankings_say_what_the_fits_say(fitted, model, result):
    adata, ensemble = fitted
    adata.obs["donor"] = result.obs["donor"] = (np.arange(adata.n_obs) % 6).astype(str)
    asked = {"groupby": "cell_type", "sample_key": "donor"}
    cr.tl.rank_programs_groups(adata, ensemble, **asked)
    cr.tl.rank_programs_groups(result, model, **asked)
    table = cr.get.rank_programs_groups_df(adata, None, columns="all")
    before = cr.get.rank_programs_groups_df(result, None, columns="all")
    # nothing else changes, up to the precision of standard deviations whose part between fits was taken out again
    np.testing.assert_allclose(table["effect"], before["effect"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(table["q"], before["q"], rtol=1e-2, atol=1e-6)
    row = table[table["group"] == "type 1"].set_index("program").loc["Program/1"]
    effects, called = [], []
    for fit in ensemble.refits:
        other = result.copy()
        cr.tl.activity(other, fit)
        # the shrinkage is that of the first fit
        other.obsm["programs_sd"], other.obsm["programs_total_sd"] = (
            result.obsm[k] for k in ("programs_sd", "programs_total_sd")
        )
        cr.tl.rank_programs_groups(other, fit, **asked)
        again = cr.get.rank_programs_groups_df(other, None, columns="all")
        again = again[again["group"] == "type 1"].set_index("program").loc["Program/1"]
        effects.append(again["effect"])
        called.append(again["q"] <= 0.05 and np.sign(again["effect"]) == np.sign(row["effect"]))
    assert row["fit_sd"] == pytest.approx(np.sqrt(np.mean((np.array(effects) - row["effect"]) ** 2)), rel=1e-2)
    assert row["share_of_fits"] == pytest.approx(np.mean([row["q"] <= 0.05, *called]))
    assert table["sign_agreement"].between(0, 1).all() and table["total_share_of_fits"].between(0, 1).all()


def test_saved_and_loaded(fitted, tmp_path):
    adata, ensemble = fitted
    ensemble.save(tmp_path / "saved")
    again = cr.ProgramEnsemble.load(tmp_path / "saved", ensemble.adata)
    assert again.digest == ensemble.digest and again.resample == "cells" and len(again.fits) == 4
    np.testing.assert_array_equal(again.get_activities()["unique"][1], ensemble.get_activities()["unique"][1])
    with pytest.raises(ValueError, match="already"):
        ensemble.save(tmp_path / "saved")
    ensemble.save(tmp_path / "saved", overwrite=True)
    (tmp_path / "saved" / "fit_2").rename(tmp_path / "lost")
    with pytest.raises(FileNotFoundError, match="incomplete, without 'fit_2'"):
        cr.ProgramEnsemble.load(tmp_path / "saved", ensemble.adata)
    (tmp_path / "saved" / "fit_1").rename(tmp_path / "saved" / "fit_2")
    (tmp_path / "lost").rename(tmp_path / "saved" / "fit_1")
    with pytest.raises(ValueError, match="not those that were saved together"):
        cr.ProgramEnsemble.load(tmp_path / "saved", ensemble.adata)
    (tmp_path / "saved" / "ensemble.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        cr.ProgramEnsemble.load(tmp_path / "saved", ensemble.adata)
    with pytest.raises(FileNotFoundError, match="no saved ensemble"):
        cr.ProgramEnsemble.load(tmp_path / "lost", ensemble.adata)


def test_a_run_that_was_killed_goes_on(model, tmp_path, monkeypatch):
    folder, asked = tmp_path / "fits", {"n_fits": 4, "random_state": 3, **SHORT}
    whole = _refits.refits_of(model, **asked)
    refitted, calls = type(model).refitted, []

    def counted(self, **kwargs):
        calls.append(len(kwargs["cells"]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return refitted(self, **kwargs)

    monkeypatch.setattr(type(model), "refitted", counted)
    with pytest.raises(KeyboardInterrupt):
        _refits.refits_of(model, checkpoint=folder, **asked)
    again = _refits.refits_of(model, checkpoint=folder, **asked)
    assert len(calls) == 4 and again.digest == whole.digest
    with pytest.raises(ValueError, match="not the folder of this ensemble"):
        _refits.refits_of(model, checkpoint=folder, **asked | {"random_state": 4})
    # a refit whose files are damaged is fitted again
    (folder / "fit_2" / "model.pt").write_bytes(b"PK")
    assert _refits.refits_of(model, checkpoint=folder, **asked).digest == whole.digest and len(calls) == 5
    (folder / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="not the folder of this ensemble"):
        _refits.refits_of(model, checkpoint=folder, **asked)
    # a saved ensemble is no checkpoint
    whole.save(tmp_path / "saved")
    with pytest.raises(ValueError, match="not the folder of this ensemble"):
        _refits.refits_of(model, checkpoint=tmp_path / "saved", **asked)


def test_a_fit_that_fails_is_left_out(model, monkeypatch, caplog):
    refitted = type(model).refitted

    def diverging(self, **kwargs):
        fit = refitted(self, **kwargs)
        if kwargs["random_state"] == 2:
            with torch.no_grad():
                fit.module.decoder.loadings[0] = torch.nan
        return fit

    monkeypatch.setattr(type(model), "refitted", diverging)
    ensemble = _refits.refits_of(model, n_fits=4, **SHORT)
    assert len(ensemble.fits) == 3 and list(ensemble.failed) == [2]
    assert "Fit 3 of 4 is left out: ArithmeticError: the fit diverged" in caplog.text
    assert "1 left out): ProgramVAE with 16 programs" in repr(ensemble)

    def failing(self, **kwargs):
        raise RuntimeError("no memory")

    monkeypatch.setattr(type(model), "refitted", failing)
    with pytest.raises(RuntimeError, match="All refits failed. The first: RuntimeError: no memory"):
        _refits.refits_of(model, n_fits=3, **SHORT)


@pytest.mark.parametrize("n_fits", [0, 1, 2, True, 2.5])
def test_too_few_fits(result, model, n_fits):
    with pytest.raises(ValueError, match="must be a whole number of at least 3"):
        cr.ensemble(result, model, n_fits=n_fits)


def test_bad_input_is_named(result, model, freed_model, differences, tmp_path):
    model.save(str(tmp_path / "model"))
    with pytest.raises(ValueError, match="The model has no data"):
        _refits.refits_of(type(model).load(tmp_path / "model", False))
    before = result.copy()
    result.obs["pair"] = before.obs["pair"] = np.where(np.arange(result.n_obs) % 2, "a", "b")
    with pytest.raises(ValueError, match=r"resample='pair' has 2 sample\(s\), 'a', 'b', but at least 4"):
        _refits.check_resampling(result, 3, "pair", 0)
    with pytest.raises(KeyError, match="resample='donor'"):
        cr.ensemble(result, model, resample="donor")
    with pytest.raises(TypeError, match="resample=3 must be"):
        cr.ensemble(result, model, resample=3)
    with pytest.raises(ValueError, match="batch_size=0"):
        cr.ensemble(result, model, batch_size=0)
    with pytest.raises(ValueError, match="has 0 programs|other programs"):
        cr.ProgramEnsemble([model, freed_model])
    with pytest.raises(ValueError, match="at least two fits, but got 1"):
        cr.ProgramEnsemble([model])
    with pytest.raises(TypeError, match=r"fits\[1\] is a str"):
        cr.ProgramEnsemble([model, "model"])
    assert not differences(before, result)


def test_what_would_change_one_fit_only_is_refused(fitted):
    _, ensemble = fitted
    with pytest.raises(ValueError, match="trained already"):
        ensemble.train()
    with pytest.raises(AttributeError, match="no minify_adata"):
        ensemble.minify_adata()


def test_a_query(fitted):
    adata, ensemble = fitted
    query = adata[:60].copy()
    for slots in (query.obsm, query.varm, query.uns):
        slots.clear()
    mapped = cr.ProgramEnsemble.load_query_data(query, ensemble)
    cr.tl.activity(query, mapped)
    expected = ensemble.get_activity(indices=range(60), return_sd=True)
    np.testing.assert_allclose(query.obsm["X_programs"], expected[0], atol=1e-3)
    np.testing.assert_allclose(query.obsm["programs_sd"], expected[1], atol=1e-3)


def test_fit_makes_an_ensemble(planted):
    adata = planted.adata
    with pytest.raises(KeyError, match="resample='donor'"):
        cr.fit(adata, planted.sets, n_fits=3, resample="donor")
    with pytest.raises(ValueError, match="resample='cells' needs several fits"):
        cr.fit(adata, planted.sets, resample="cells")
    ensemble = cr.fit(adata, planted.sets, n_fits=3, max_epochs=2, enable_progress_bar=False)
    assert isinstance(ensemble, cr.ProgramEnsemble) and adata.obsm["X_programs_refits"].shape[1] == 2
    assert adata.uns["programs"]["activity_params"]["model"] == "ProgramEnsemble"


def test_the_description_is_plain_text(fitted, tmp_path):
    fitted[1].save(tmp_path / "saved")
    described = json.loads((tmp_path / "saved" / "ensemble.json").read_text(encoding="utf-8"))
    assert described["n_fits"] == 4 and described["version"] == 1


def test_sds_between_fits():
    rng = np.random.default_rng(0)
    mean, refits = rng.normal(size=(5, 2)), rng.normal(size=(5, 3, 2))
    sd = with_between(mean, np.full((5, 2), 0.5), refits)
    np.testing.assert_allclose(sd**2, 0.25 + ((refits - mean[:, None]) ** 2).mean(1))


def test_labels_say_what_the_fits_say(fitted):
    adata, ensemble = fitted
    asked = {"groupby": "cell_type", "min_score": 0.1, "min_support": 0, "min_margin": 0}
    mean, sd = ensemble.model.get_activity(return_sd=True)
    # two refits say the same as the first fit, and one sees nothing
    refits = np.stack([mean, mean, np.zeros_like(mean)], axis=1)
    adata.obsm["X_programs_refits"], adata.obsm["programs_sd"] = refits, with_between(mean, sd, refits)
    cr.tl.annotate(adata, ensemble, programs=["Program/1", "Program/2", "Program/3"], **asked)
    table = cr.get.annotation_df(adata, columns="all")
    assigned = table["label"] != "unassigned"
    assert assigned.any()
    np.testing.assert_allclose(table["share_of_fits"], np.where(assigned, 0.75, 1))


def test_agreement_is_over_the_refits(fitted):
    adata, ensemble = fitted
    cr.tl.attribution_agreement(
        adata, ensemble, "cell_type", programs="Program/1", methods=["activity/contributions", "loadings"]
    )
    spread = cr.get.attribution_agreement_df(adata, what="spread")
    assert set(spread["over"]) == {"seed"} and spread["rbo_mean"].between(0.3, 1).all()


def test_an_ensemble_is_not_completed(fitted):
    adata, ensemble = fitted
    with pytest.raises(ValueError, match=r"This is an ensemble. Give its first fit, ensemble.model"):
        cr.complete(adata, ensemble)


def test_figures_and_report_say_what_the_fits_say(fitted, tmp_path):
    from crystallin.stats import calls

    adata, ensemble = fitted
    adata.obs["donor"] = (np.arange(adata.n_obs) % 6).astype(str)
    cr.tl.rank_programs_groups(adata, ensemble, "cell_type", sample_key="donor")
    table = cr.get.rank_programs_groups_df(adata, None, columns="all")
    steady = table["call"] != ""
    assert steady.any() and (table.loc[steady, "share_of_fits"] >= 0.8).all()
    table["share_of_fits"] = 0.75
    call, reason = calls(table)
    assert (call == "").all() and (reason[steady] == "not found by other fits").all()
    table["share_of_fits"] = 0.8
    assert ((calls(table)[0] != "") >= steady).all()
    for kind in ("unique", "total"):
        cr.pl.rank_programs_groups(adata, kind=kind, show=False)
        cr.pl.effects(adata, kind=kind, show=False)
    cr.report(adata, tmp_path / "report.html")
    assert "first to all cells and then to halves of the cells" in (tmp_path / "report.html").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_on_disk(fitted, tmp_path, suffix):
    adata, ensemble = fitted
    path = tmp_path / f"cells{suffix}"
    write = adata.write_h5ad if suffix == ".h5ad" else adata.write_zarr
    expected = adata.obsm["X_programs_refits"].copy(), adata.obsm["programs_sd"].copy()
    table = cr.get.programs_df(adata, columns="all")
    write(path)
    with cr.open_store(path) as stored:
        cr.tl.activity(stored, ensemble)
        np.testing.assert_allclose(stored.obsm["X_programs_refits"][:], expected[0], atol=1e-4)
        np.testing.assert_allclose(stored.obsm["programs_sd"][:], expected[1], atol=1e-4)
        np.testing.assert_allclose(
            cr.get.programs_df(stored, columns="all")["stability"], table["stability"], atol=1e-4
        )
        cr.tl.rank_programs_groups(stored, ensemble, "cell_type")
        assert "share_of_fits" in cr.get.rank_programs_groups_df(stored, None, columns="all")
        # a single model leaves nothing of the ensemble behind
        cr.tl.activity(stored, ensemble.model)
    with cr.open_store(path, mode="r") as stored:
        assert "X_programs_refits" not in stored.obsm
