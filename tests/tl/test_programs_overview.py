import anndata as ad
import numpy as np
import pytest

import crystallin as cr


@pytest.fixture
def overview(result, model):
    cr.tl.programs_overview(result, model, "cell_type")
    return result


def test_what_the_table_says(overview, model):
    table = cr.get.programs_df(overview, columns="all")
    assert {"n_present", "coverage", "importance", "leakage", "leakage_encoder", "reliability"} <= set(table)
    assert "stability" not in table
    cr.tl.rank_programs_groups(overview, model, "cell_type")
    ranked = cr.get.rank_programs_groups_df(overview, "type 0", columns="all").set_index("program").loc[table.index]
    for column in ("family", "nearest_twin"):
        assert (table[column] == ranked[column]).all()
    for column in ("twin_similarity", "variance_inflation"):
        np.testing.assert_allclose(table[column], ranked[column])
    sd = cr.get.activity_df(overview, sd=True).iloc[:, 1::2]
    np.testing.assert_allclose(table["reliability"], 1 - (sd**2).mean(), rtol=1e-5)


def test_most_active_groups_have_the_highest_means(overview):
    table = cr.get.programs_df(overview, columns="all")
    means = cr.get.activity_df(overview).groupby(overview.obs["cell_type"].astype(str)).mean()
    named = table["most_active"].str.split(";").str[0]
    assert (named != "").sum() > 3
    for program, group in named[named != ""].items():
        assert means[program].idxmax() == group
    is_on = (table["top_score"] >= 0.5) & (table["reliability"] >= 0.1)
    assert ((named != "") == is_on).all()


def test_nothing_is_named_of_a_program_that_the_counts_do_not_tell(result, model):
    result.obsm["programs_sd"][:, 0] = 0.99
    cr.tl.programs_overview(result, model, "cell_type")
    table = cr.get.programs_df(result, columns="all")
    assert table["most_active"].iloc[0] == "" and table["reliability"].iloc[0] < 0.1
    assert (table["most_active"].iloc[1:] != "").any()


def test_decoys_have_no_twins(overview):
    table = cr.get.programs_df(overview, decoys=True, columns="all")
    decoys = table[table["decoy"].astype(bool)]
    assert len(decoys) and (decoys["nearest_twin"] == "").all() and decoys["twin_similarity"].isna().all()
    assert decoys["importance"].notna().all()


def test_results_of_this_model_are_not_worked_out_again(result, model, monkeypatch):
    cr.tl.leakage(result, model)
    kept = result.uns["leakage"]["table"].copy()
    cr.tl.programs_overview(result, model, "cell_type")
    # leakage was over all cells and still is; importance is new, by group
    assert len(result.uns["leakage"]["table"]) == len(kept)
    assert set(result.uns["program_importance"]["table"]["group"]) > {"type 0"}
    result.uns["leakage"]["params"]["model_digest"] = "another"
    cr.tl.programs_overview(result, model, "cell_type")
    assert len(result.uns["leakage"]["table"]) > len(kept)


def test_stability_is_the_correlation_with_retrained_models(result, model, quick, planted):
    other_data = planted.adata
    cr.pp.add_programs(other_data, planted.sets, n_decoys=8)
    cr.ProgramVAE.setup_anndata(other_data, batch_key="batch")
    other = cr.ProgramVAE(other_data, random_state=1)
    other.train(max_epochs=2, enable_progress_bar=False)
    cr.tl.programs_overview(result, model, "cell_type", retrained=[other, model])
    table = cr.get.programs_df(result, columns="all")
    activity, again = cr.get.activity_df(result), other.get_activity(result)
    for i, program in enumerate(table.index):
        r = np.corrcoef(activity[program], again[:, i])[0, 1]
        # the model itself agrees with itself
        assert table.loc[program, "stability"] == pytest.approx((r + 1) / 2, abs=1e-3)


def test_written_and_copied(result, model, tmp_path):
    copied = cr.tl.programs_overview(result, model, "cell_type", copy=True)
    assert "top_score" not in cr.get.programs_df(result, columns="all") and "top_score" in cr.get.programs_df(
        copied, columns="all"
    )
    copied.write_h5ad(tmp_path / "o.h5ad")
    assert "most_active" in cr.get.programs_df(ad.read_h5ad(tmp_path / "o.h5ad"), columns="all")


def test_bad_input(result, model, quick, adata):
    with pytest.raises(KeyError, match="is not a column"):
        cr.tl.programs_overview(result, model, "nothing")
    result.obs["same"] = "all"
    with pytest.raises(ValueError, match="one group only"):
        cr.tl.programs_overview(result, model, "same")
    cr.pp.add_programs(adata, {"x": list(adata.var_names[:9])})
    with pytest.raises(ValueError, match="are not those of the model"):
        cr.tl.programs_overview(result, model, "cell_type", retrained=[quick(adata, epochs=1)])
