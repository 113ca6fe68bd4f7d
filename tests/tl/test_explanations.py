"""Leakage, importance, agreement, faithfulness, knock-down and interactions on planted programs."""

import anndata as ad
import numpy as np
import pytest

import crystallin as cr
from crystallin.stats import rank_biased_overlap

PROGRAM, OTHER = "Program/2", "Program/5"
METHODS = ["activity/contributions", "encoder/integrated_gradients", "loadings"]


def test_leakage(result, model):
    assert cr.tl.leakage(result, model, groupby="cell_type", max_cells=60) is None
    table, programs = cr.get.leakage_df(result), cr.get.programs_df(result, decoys=True)
    assert len(table) == 16 * 3 and table[["leakage", "leakage_encoder"]].stack().between(0, 1).all()
    # by hand, for one program and group
    cells = np.flatnonzero(result.obs["cell_type"] == "type 1")
    cr.tl.leakage(result, model, groupby="cell_type", max_cells=None)
    each = np.abs(model.get_attributions(indices=cells, method="contributions", programs=[PROGRAM], statistic="each"))
    outside = result.varm["programs"].toarray()[:, model.program_names.tolist().index(PROGRAM)] == 0
    row = cr.get.leakage_df(result, PROGRAM, "type 1")
    assert row["leakage"].item() == pytest.approx(each[:, outside].sum() / each.sum(), abs=1e-4)
    full = cr.get.programs_df(result, decoys=True)
    np.testing.assert_allclose(programs["leakage"], full["leakage"], atol=0.05)
    # without groups the same over all cells
    cr.tl.leakage(result, model, max_cells=None)
    np.testing.assert_allclose(cr.get.programs_df(result, decoys=True)["leakage"], full["leakage"], atol=1e-4)


def test_leakage_without_context_network_is_none(quick, adata):
    """Then the encoder reads member genes alone; the refined activity still looks at what overlaps."""
    model = quick(adata, context=False)
    cr.tl.activity(adata, model)
    cr.tl.leakage(adata, model)
    table = cr.get.leakage_df(adata)
    assert (table["leakage_encoder"] < 1e-6).all() and (table["leakage"] > 0.01).all()


def test_importance(result, model):
    cr.tl.program_importance(result, model, groupby="cell_type")
    table = cr.get.program_importance_df(result, "type 1")
    assert len(table) == 8 and not table["program"].str.startswith("decoy").any()
    # all planted programs before all decoys: with 8 of each one in nine cannot be told from chance
    assert (table["decoy_q"] <= 1 / 9 + 1e-9).all() and (np.diff(table["importance"]) <= 0).all()
    assert 0.8 < table["share"].sum() < 1
    everyone = model.get_program_importance()["all"]
    kept = cr.get.programs_df(result, decoys=True)["importance"]
    np.testing.assert_allclose(kept, everyone[kept.index], rtol=1e-3, atol=1e-3)


def test_agreement(result, model):
    cr.tl.attribution_agreement(result, model, "cell_type", methods=METHODS, programs=[PROGRAM, OTHER], n_top=15)
    pairs = cr.get.attribution_agreement_df(result)
    assert len(pairs) == 3 * 2 * 3 and pairs["rbo"].between(0, 1).all() and pairs["kendall"].between(-1, 1).all()
    consensus = cr.get.attribution_agreement_df(result, PROGRAM, "type 1", what="consensus")
    assert consensus["rank"].tolist() == list(range(1, 16)) and (np.diff(consensus["p"]) >= 0).all()
    assert consensus["member"].head(8).mean() > 0.8 and consensus["n_methods"].iloc[0] == 3
    assert not len(cr.get.attribution_agreement_df(result, what="spread"))
    # by hand: ranked by size, so that what lowers an activity counts as much
    place = model.program_names.tolist().index(PROGRAM)
    groups = result.obs["cell_type"].astype(str).to_numpy()
    one = model.get_attributions(groups=groups, method="contributions")[1, :, place]
    orders = [np.argsort(-np.abs(values)) for values in (one, model.get_loadings()[PROGRAM].to_numpy())]
    pair = pairs[pairs["program"].eq(PROGRAM) & pairs["group"].eq("type 1") & pairs["method_b"].eq("loadings")]
    found = pair.set_index("method_a")["rbo"]["activity/contributions"]
    assert found == pytest.approx(rank_biased_overlap(*orders, 0.9), abs=1e-3)
    # a ranking agrees with itself
    same = ["activity/contributions", "encoder/integrated_gradients", "encoder/deeplift"]
    cr.tl.attribution_agreement(result, model, "cell_type", methods=same, programs=[PROGRAM])
    pairs = cr.get.attribution_agreement_df(result)
    np.testing.assert_allclose(pairs.loc[pairs["method_b"].eq(same[2]) & pairs["method_a"].eq(same[1]), "rbo"], 1)


def test_spread_over_baselines_and_seeds(result, model, quick):
    other = quick(result.copy(), epochs=3)
    cr.tl.attribution_agreement(
        result, model, "cell_type", methods=METHODS, programs=[PROGRAM], baselines=["group:type 0", "zero"],
        retrained=[model, other], max_cells=40,
    )  # fmt: skip
    spread = cr.get.attribution_agreement_df(result, what="spread")
    over = spread.groupby("over")["method"].unique().apply(sorted)
    # what has no baseline does not hang on it
    assert over["baseline"] == ["encoder/integrated_gradients"] and over["seed"] == sorted(METHODS)
    assert (spread["rbo_min"] <= spread["rbo_mean"]).all() and (spread["rbo_min"] < 1).any()


def test_faithfulness(result, model):
    cr.tl.faithfulness(
        result, model, methods=METHODS, programs=[PROGRAM, OTHER], n_genes=(1, 5, 20, 999), n_random=5, max_cells=40
    )
    table = cr.get.faithfulness_df(result, PROGRAM)
    left = table.pivot(index="method", columns="n_genes", values="deletion")
    brought = table.pivot(index="method", columns="n_genes", values="insertion")
    # all genes as expected: nothing is left; all as they are: everything is there
    np.testing.assert_allclose(left[240], 0, atol=0.02)
    np.testing.assert_allclose(brought[240], 1, atol=0.02)
    for method in METHODS:
        assert left.loc[method, 20] < 0.5 < 0.7 < left.loc["random order", 20]
        assert brought.loc[method, 20] > brought.loc["random order", 20] + 0.3
    bad = table.groupby("method")["infidelity"].first()
    assert bad["activity/contributions"] < 0.05 and np.isnan(bad["random order"])


def test_knockdown_of_genes(result, model, planted):
    members = planted.sets[PROGRAM][:8]
    cr.tl.knockdown(result, model, genes=members, groupby="cell_type", n_random=12, max_cells=50)
    table = cr.get.knockdown_df(result)
    assert len(table) == 16 * 3
    np.testing.assert_allclose(table["after"] - table["before"], table["change"], atol=1e-6)
    first = table.groupby("group", sort=False).first()
    assert (first["program"] == PROGRAM).all() and (first["change"] < 0).all()
    np.testing.assert_allclose(first["p"], 1 / 13)
    assert (first["z"] < -3).all()
    # planted programs that do not have these genes are as with random ones
    assert table.loc[table["program"] == "Program/7", "z"].abs().max() < 6


def test_knockdown_of_programs(result, model, planted):
    cr.tl.knockdown(result, model, programs=PROGRAM, groupby="cell_type")
    means = cr.get.activity_df(result)[PROGRAM].groupby(result.obs["cell_type"], observed=True).mean()
    group = means.abs().idxmax()
    table = cr.get.knockdown_df(result, group)
    assert set(table.loc[table["member"], "gene"]) == set(planted.sets[PROGRAM])
    # where it was up its genes fall
    assert np.sign(table.loc[table["member"], "log2_fold_change"].mean()) == -np.sign(means[group])
    assert table["before"].sum() == pytest.approx(1e4, rel=1e-3)
    np.testing.assert_allclose(
        table["log2_fold_change"], np.log2((table["after"] + 0.01) / (table["before"] + 0.01)), atol=1e-4
    )


def test_interactions(result, model):
    cr.tl.interactions(result, model, PROGRAM, groupby="cell_type", group="type 1", n_genes=6)
    table = cr.get.interactions_df(result)
    assert len(table) == 15 and (np.diff(table["interaction"].abs()) <= 0).all()
    genes = sorted(set(table["gene_a"]) | set(table["gene_b"]))
    cells = np.flatnonzero(result.obs["cell_type"] == "type 1")
    matrix = model.get_interactions(PROGRAM, genes, indices=cells)["all"]
    row = table.iloc[0]
    assert row["interaction"] == pytest.approx(2 * matrix.loc[row["gene_a"], row["gene_b"]], rel=1e-3)
    assert result.uns["interactions"]["params"]["own"] == pytest.approx(np.trace(matrix), rel=1e-3)
    cr.tl.interactions(result, model, PROGRAM, genes=["g1", "g2", "g1"], baseline="zero", key_added="mine")
    assert len(cr.get.interactions_df(result, key="mine")) == 1


def test_breadth_of_differences(result, model):
    """Beside each difference, close to that of the exact contrast."""
    cr.tl.rank_programs_groups(result, model, "cell_type")
    table = cr.get.rank_programs_groups_df(result).set_index(["group", "program"])
    exact = []
    for program in (PROGRAM, OTHER):
        cr.tl.contrast(result, model, program, groupby="cell_type", group="type 1")
        exact.append(cr.get.contrast_params(result)["breadth"])
    found = [table.loc[("type 1", program), "breadth"] for program in (PROGRAM, OTHER)]
    np.testing.assert_allclose(found, exact, rtol=0.15)
    cr.tl.rank_programs_groups(result, model, "batch", groups="one", reference="two", within="cell_type")
    table = cr.get.rank_programs_groups_df(result)
    # no more genes than the program has, whatever others add
    size = table["program"].map(cr.get.programs_df(result)["n_present"])
    assert (table["breadth"] >= 1 - 1e-6).all() and (table["breadth"] <= size + 1e-6).all()


def test_results_survive_files(result, model, tmp_path):
    cr.tl.leakage(result, model, max_cells=20)
    cr.tl.program_importance(result, model)
    cr.tl.knockdown(result, model, genes=["g1"], n_random=2, max_cells=20)
    cr.tl.attribution_agreement(result, model, "batch", methods=METHODS, programs=[PROGRAM], max_cells=20)
    cr.tl.interactions(result, model, PROGRAM, n_genes=3)
    result.write_h5ad(tmp_path / "cells.h5ad")
    result.write_zarr(tmp_path / "cells.zarr")
    back = ad.read_h5ad(tmp_path / "cells.h5ad")
    for read in (
        cr.get.leakage_df,
        cr.get.program_importance_df,
        cr.get.knockdown_df,
        cr.get.attribution_agreement_df,
        cr.get.interactions_df,
    ):
        assert len(read(back)) == len(read(result)) > 0


@pytest.mark.parametrize("name", ["leakage", "program_importance", "knockdown", "interactions", "faithfulness"])
def test_copies_leave_the_data_alone(result, model, name):
    options = {
        "knockdown": {"genes": ["g1"], "n_random": 2, "max_cells": 10},
        "interactions": {"program": PROGRAM, "n_genes": 3},
        "faithfulness": {"programs": [PROGRAM], "methods": METHODS[:1], "n_genes": [2], "n_random": 1, "max_cells": 10},
    }.get(name, {})
    table = result.uns["programs"]["table"].copy()
    other = getattr(cr.tl, name)(result, model, copy=True, **options)
    assert name in other.uns and name not in result.uns
    assert result.uns["programs"]["table"].equals(table)
    with pytest.raises(KeyError, match=f"under '{name}'; call crystallin.tl.{name}"):
        getattr(cr.get, f"{name}_df")(result)


def test_bad_input(result, model):
    def bad(match, call, *args, error=ValueError, **options):
        with pytest.raises(error, match=match):
            call(result, model, *args, **options)

    bad("Give either genes= or programs=", cr.tl.knockdown)
    bad("Give either genes= or programs=", cr.tl.knockdown, genes=["g1"], programs=[PROGRAM])
    bad("'nogene' is not one of the model's 240 genes", cr.tl.knockdown, genes="nogene", error=KeyError)
    bad("genes names 200 of 240 genes", cr.tl.knockdown, genes=list(result.var_names[:200]))
    bad("n_random=0", cr.tl.knockdown, genes="g1", n_random=0)
    bad(
        "methods: 'shap' is not known; use 'activity/METHOD'",
        cr.tl.attribution_agreement,
        "batch",
        methods=["shap", "loadings"],
    )
    bad("give at least 2", cr.tl.attribution_agreement, "batch", methods="loadings")
    bad("method='magic' is not one of", cr.tl.attribution_agreement, "batch", methods=["loadings", "encoder/magic"])
    bad("groupby and group have to be given together", cr.tl.interactions, PROGRAM, group="one")
    bad("Give at least two genes", cr.tl.interactions, PROGRAM, genes=["g1"])
    bad("group='three' is not one of", cr.tl.interactions, PROGRAM, groupby="batch", group="three")
    bad("max_cells=0", cr.tl.leakage, max_cells=0)
    result.uns["programs"]["activity_params"]["digest"] = "another"
    bad("are not those of this model", cr.tl.faithfulness)
