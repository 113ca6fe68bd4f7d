"""The audit on cells whose programs lack known members and hold known wrong ones."""

import logging
import sys

import numpy as np
import pandas as pd
import pytest

import crystallin as cr


def edges(table: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(table["program"], table["gene"], strict=True))


def test_missing_members_are_found_and_wrong_ones_doubted(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model)
    stored = lacking.adata.uns["audit_programs"]
    table = stored["table"]
    found = edges(table[table["verdict"] == "suggested"])
    assert len(found & lacking.missing) >= 0.7 * len(lacking.missing)
    assert len(found - lacking.missing) <= 0.2 * len(found)
    members = table[table["kind"] == "member"]
    assert edges(members) == {
        (name, gene)
        for name, column in zip(lacking.model.program_names, lacking.model.prior.toarray().T, strict=True)
        for gene in lacking.adata.var_names[column != 0]
    }
    doubted = edges(members[members["verdict"] == "contradicts"])
    assert len(doubted & lacking.wrong) >= 0.5 * len(doubted) > 0
    assert len(edges(members[members["verdict"] == "kept"]) & lacking.wrong) <= 3
    params = stored["params"]
    assert params["n_suggested"] == len(found) and params["realised"] == params["n_mirror"] / len(found)
    assert params["realised"] <= 0.1
    # suggestions are near the members' loadings, within their intervals, and hold in both halves
    suggested = table[table["verdict"] == "suggested"]
    assert (suggested["ratio"] > 0.25).all() and (suggested["lower"] > 0).all()
    assert suggested["replicated"].mean() > 0.9 and (suggested["weight"] == 1).all()
    assert (suggested["n_samples"] == 0).all() and suggested["q"].le(0.1).all()
    assert table["stability"].isna().all()


def test_verdicts_of_members_follow_their_q(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model, fdr=0.07)
    members = cr.get.audit_df(lacking.adata, kind="member", columns="all")
    called = members["verdict"].isin(["kept", "contradicts"])
    # q is that of the verdict, and of silent members that they follow
    assert (members.loc[called, "q"] <= 0.07).all() and (members.loc[~called, "q"] > 0.07).all()
    assert (members.loc[members["verdict"] == "kept", "score"] > 0).all()


def test_summary_counts_the_table(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model, fdr=0.2)
    stored = lacking.adata.uns["audit_programs"]
    summary = stored["summary"].set_index("program")
    counts = stored["table"].groupby(["program", "verdict"]).size().unstack(fill_value=0)
    for verdict in ("kept", "silent", "contradicts", "suggested"):
        if verdict in counts:
            assert (summary[f"n_{verdict}"] == counts[verdict].reindex(summary.index, fill_value=0)).all()
    assert (summary["n_kept"] + summary["n_silent"] + summary["n_contradicts"] == summary["n_members"]).all()
    assert (summary["reason"] == "").all() and (summary["typical_loading"] > 0.1).all()


def test_a_stricter_rate_calls_fewer(lacking):
    n = []
    for fdr in (0.05, 0.5):
        cr.tl.audit_programs(lacking.adata, lacking.model, fdr=fdr)
        n.append(lacking.adata.uns["audit_programs"]["params"]["n_suggested"])
    assert n[0] <= n[1]


def test_larger_loadings_can_be_asked_for(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model, min_loading=1.0)
    table = cr.get.audit_df(lacking.adata, verdict="suggested", columns="all")
    assert (table["ratio"] > 1).all()


def test_samples(lacking, caplog):
    with caplog.at_level(logging.WARNING):
        cr.tl.audit_programs(lacking.adata, lacking.model, sample_key="donor")
    assert "Left out 1 of 8 samples with fewer than 20 cells: 'few'" in caplog.text
    suggested = cr.get.audit_df(lacking.adata, verdict="suggested", columns="all")
    assert (suggested["n_samples"] == 7).all() and (2 * suggested["n_agree"] > 7).all()
    # loadings that are there in all cells agree in nearly all samples
    assert suggested["n_agree"].mean() > 6


def test_a_single_sample_is_no_comparison(lacking, caplog):
    lacking.adata.obs["one"] = "a"
    with caplog.at_level(logging.WARNING):
        cr.tl.audit_programs(lacking.adata, lacking.model, sample_key="one")
    assert "no two samples" in caplog.text
    assert (cr.get.audit_df(lacking.adata, columns="all")["n_samples"] == 0).all()


def test_genes_outside_the_panel(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model, genes=lacking.whole)
    table = cr.get.audit_df(lacking.adata, verdict="suggested", columns="all")
    outside = table[~table["in_panel"]]
    assert edges(outside) & lacking.outside and len(edges(outside) - lacking.outside) <= 1
    assert (outside["degree"] == 0).all()
    completed = cr.get.completed_programs(lacking.adata)
    assert edges(outside) <= set(zip(completed["source"], completed["target"], strict=True))


def test_candidates(lacking):
    _, gene = next(iter(lacking.missing))
    cr.tl.audit_programs(lacking.adata, lacking.model, candidates=[gene], fdr=0.5)
    table = cr.get.audit_df(lacking.adata, kind="missing", columns="all")
    assert set(table["gene"]) <= {gene}
    with pytest.raises(ValueError, match="candidates has 1 names that are not genes of the data: 'nonsense'"):
        cr.tl.audit_programs(lacking.adata, lacking.model, candidates=["nonsense"])
    with pytest.raises(ValueError, match="candidates is empty"):
        cr.tl.audit_programs(lacking.adata, lacking.model, candidates=[])


def test_further_genes_are_checked(lacking):
    call = lambda genes: cr.tl.audit_programs(lacking.adata, lacking.model, genes=genes)  # noqa: E731
    with pytest.raises(TypeError, match="genes is a list"):
        call(["g1"])
    twice = lacking.whole.copy()
    twice.var_names = ["g0", *twice.var_names[:-1]]
    with pytest.raises(ValueError, match="genes has genes whose names occur more than once: 'g0'"):
        call(twice)
    # a cell may have none of the further genes
    few = lacking.whole[:, [gene for _, gene in sorted(lacking.outside)][:1]].copy()
    few.X[:5] = 0
    call(few)


def test_programs_by_name(lacking):
    cr.tl.audit_programs(lacking.adata, lacking.model, programs="Program/3")
    assert lacking.adata.uns["audit_programs"]["summary"]["program"].tolist() == ["Program/3"]


def test_only_programs_that_are_awake_are_audited(lacking):
    table = lacking.adata.uns["programs"]["table"].copy()
    table["awake"] = table["name"].isin(["Program/1", "Program/4"])
    lacking.adata.uns["programs"]["table"] = table
    cr.tl.audit_programs(lacking.adata, lacking.model)
    assert lacking.adata.uns["audit_programs"]["summary"]["program"].tolist() == ["Program/1", "Program/4"]
    table["awake"] = False
    with pytest.raises(ValueError, match="None of the 8 programs is awake"):
        cr.tl.audit_programs(lacking.adata, lacking.model)


def test_without_a_screening_it_says_what_to_do(result, model):
    with pytest.raises(KeyError, match="screen_programs"):
        cr.tl.audit_programs(result, model)


def test_decoys_alone_get_next_to_no_suggestions(result, model):
    decoys = model.program_names[model.is_decoy].tolist()
    cr.tl.audit_programs(result, model, programs=decoys)
    summary = result.uns["audit_programs"]["summary"]
    assert summary["n_suggested"].sum() <= 1
    assert summary["reason"].str.contains("members").any()


def test_members_that_all_say_nothing(lacking):
    """Programs of genes that hardly anyone expresses are named with the reason."""
    thin = lacking.adata[:25].copy()
    cr.tl.audit_programs(thin, lacking.model)
    summary = thin.uns["audit_programs"]["summary"]
    assert summary["n_suggested"].sum() == 0
    assert summary.loc[summary["n_kept"] < 3, "reason"].str.contains("can be seen to follow").all()
    # what is not known to be active cannot be contradicted
    assert (summary.loc[summary["reason"] != "", "n_contradicts"] == 0).all()


def test_signed_sets_find_genes_of_both_directions(quick):
    cells = cr.datasets.simulate(500, 150, n_programs=6, n_decoys=0, n_signed=6, depth=2_000, random_state=1)
    cr.pp.add_programs(cells, cells.uns["simulation"]["annotation"], min_genes=3)
    model = quick(cells, epochs=20)
    cr.tl.audit_programs(cells, model, programs=model.program_names.tolist(), fdr=0.3)
    table = cr.get.audit_df(cells, kind="missing", columns="all")
    assert (np.sign(table["loading"]) == table["weight"]).all()
    params = cells.uns["audit_programs"]["params"]
    # a set of both directions has no mirror image
    assert params["n_mirror"] == 0 and np.isnan(params["realised"])


def test_sets_that_go_down(lacking):
    """The same cells with activities turned over: all members fall, and so do the missing ones."""
    cells = lacking.adata
    genes = {
        name: dict.fromkeys(cells.var_names[column != 0], -1.0)
        for name, column in zip(lacking.model.program_names, lacking.model.prior.toarray().T, strict=True)
    }
    cr.pp.add_programs(cells, genes, key_added="down")
    cr.ProgramVAE.setup_anndata(cells)
    model = cr.ProgramVAE(cells, programs_key="down")
    model.train(max_epochs=60, enable_progress_bar=False, plan_kwargs={"lr": 1e-2})
    cr.tl.audit_programs(cells, model, programs=model.program_names.tolist(), key="down")
    table = cr.get.audit_df(cells, verdict="suggested", key="down", columns="all")
    assert len(table) and (table["weight"] == -1).all() and (table["ratio"] > 0).all()
    assert len(edges(table) & lacking.missing) >= 0.5 * len(lacking.missing)


@pytest.mark.parametrize("fdr", [0, 1, -0.1, 2, np.nan, "low", True])
def test_error_rates_are_checked(lacking, fdr):
    with pytest.raises(ValueError, match="fdr="):
        cr.tl.audit_programs(lacking.adata, lacking.model, fdr=fdr)
    assert "audit_programs" not in lacking.adata.uns


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_loading": -1}, ValueError, "min_loading"),
        ({"sample_key": "nobody"}, KeyError, "nobody"),
        ({"programs": ["nobody"]}, KeyError, "nobody"),
        ({"random_state": -1}, ValueError, "random_state"),
        ({"key": "nobody"}, KeyError, "nobody"),
    ],
    ids=str,
)
def test_bad_input(lacking, options, error, message):
    with pytest.raises(error, match=message):
        cr.tl.audit_programs(lacking.adata, lacking.model, **options)


def test_a_model_of_other_programs_is_refused(lacking, model):
    with pytest.raises(ValueError, match="not those of the model|genes"):
        cr.tl.audit_programs(lacking.adata, model)


def test_the_same_seed_gives_the_same_result(lacking):
    results = []
    for _ in range(2):
        cr.tl.audit_programs(lacking.adata, lacking.model, random_state=4)
        results.append(lacking.adata.uns["audit_programs"]["table"])
    pd.testing.assert_frame_equal(*results)


def test_stability_over_refits(lacking):
    digest = lacking.model.digest
    cr.tl.audit_programs(lacking.adata, lacking.model, n_refits=2)
    table = lacking.adata.uns["audit_programs"]["table"]
    assert lacking.model.digest == digest
    assert table.loc[table["kind"] == "member", "stability"].isna().all()
    missing = table[table["kind"] == "missing"]
    assert set(missing["stability"]) <= {0.0, 0.5, 1.0}
    # what is really missing is found again
    found = missing["verdict"] == "suggested"
    assert missing.loc[found, "stability"].mean() > 0.7
    with pytest.raises(ValueError, match="n_refits"):
        cr.tl.audit_programs(lacking.adata, lacking.model, n_refits=-1)


def test_stability_over_the_fits_of_an_ensemble(lacking, monkeypatch):
    module = sys.modules["crystallin.tl._audit_programs"]
    audited, asked = module.audited, []

    def blind(adata, model, *args, **kwargs):
        result = audited(adata, model, *args, **kwargs)
        asked.append(model)
        if len(asked) == 3:
            # the second refit finds nothing in this program
            result["table"].loc[result["table"]["program"] == "Program/1", "q"] = 1.0
        return result

    monkeypatch.setattr(module, "audited", blind)
    # no further fits are made
    monkeypatch.setattr(cr.ProgramVAE, "refitted", None)
    ensemble = cr.ProgramEnsemble([lacking.model] * 3)
    cr.tl.audit_programs(lacking.adata, ensemble)
    assert asked == [ensemble, *ensemble.refits]
    table = lacking.adata.uns["audit_programs"]["table"]
    missing = table[table["kind"] == "missing"]
    of_one = missing["program"] == "Program/1"
    assert of_one.any() and not of_one.all()
    np.testing.assert_array_equal(missing["stability"], np.where(of_one, 0.5, 1.0))
    assert table.loc[table["kind"] == "member", "stability"].isna().all()
