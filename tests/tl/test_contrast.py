import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import crystallin as cr

PROGRAM = "Program/2"


@pytest.fixture
def contrasted(result, model):
    cr.tl.contrast(result, model, PROGRAM, groupby="cell_type", group="type 1")
    return result


def test_contributions_sum_to_the_difference(contrasted, model, planted):
    table, params = cr.get.contrast_df(contrasted), cr.get.contrast_params(contrasted)
    activity = cr.get.activity_df(contrasted)[PROGRAM]
    inside = contrasted.obs["cell_type"] == "type 1"
    assert params["difference"] == pytest.approx(table["contribution"].sum())
    # the number that the ranking has; activities as stored stop a little before the mode
    cr.tl.rank_programs_groups(contrasted, model, "cell_type", groups="type 1")
    ranked = cr.get.rank_programs_groups_df(contrasted, columns="all").set_index("program").loc[PROGRAM]
    assert params["difference"] == pytest.approx(ranked["effect"], abs=4e-3)
    assert params["difference"] != pytest.approx(ranked["mean_group"] - ranked["mean_reference"], abs=4e-3)
    assert table["mean_group"].sum() == pytest.approx(activity[inside].mean(), abs=2e-3)
    assert set(table.loc[table["member"], "gene"]) == set(planted.sets[PROGRAM])
    assert (np.diff(table["contribution"].abs()) <= 0).all()
    own = table.loc[table["member"], "contribution"]
    assert 1 < params["breadth"] <= len(own) and 0 <= params["leakage"] < 0.8
    assert params["breadth"] == pytest.approx(own.abs().sum() ** 2 / (own**2).sum())
    assert cr.get.contrast_df(contrasted, 3).equals(table.head(3))
    assert cr.get.contrast_df(contrasted, members=True)["member"].all()


def test_a_gene_that_says_more_contributes_more(result, model):
    """One gene of the program is counted ten times as often in one group: it carries that group's rise."""
    member = cr.get.loadings_df(result, PROGRAM)["gene"].iloc[2]
    raised = (result.obs["batch"] == "one").to_numpy()
    column = result.var_names.get_loc(member)
    counts = result.X.toarray()
    counts[raised, column] = counts[raised, column] * 10 + 10
    result.X = sparse.csr_matrix(counts)
    cr.tl.contrast(result, model, PROGRAM, groupby="batch", group="one", reference="two")
    table, params = cr.get.contrast_df(result), cr.get.contrast_params(result)
    assert table["gene"].iloc[0] == member and params["difference"] > 0.2
    # it alone, of more than a dozen
    assert params["breadth"] < 4


def test_model_method(model, result):
    asked = {"method": "contributions", "programs": [PROGRAM]}
    whole = model.get_attributions(**asked)
    parts = model.get_attributions(result, groups=result.obs["cell_type"], **asked)
    share = result.obs["cell_type"].value_counts(normalize=True, sort=False).to_numpy()
    np.testing.assert_allclose(np.tensordot(share, parts, 1), whole[0], atol=1e-4)
    with pytest.raises(ValueError, match="groups has 2 values for 500 cells"):
        model.get_attributions(groups=["a", "b"], **asked)
    with pytest.raises(KeyError, match="'nothing' is not one of the 16 programs"):
        model.get_attributions(method="contributions", programs="nothing")


def test_result_and_bad_input(result, model, tmp_path):
    other = cr.tl.contrast(
        result, model, PROGRAM, groupby="batch", group="one", reference="two", key_added="mine", copy=True
    )
    assert "mine" in other.uns and "mine" not in result.uns
    other.write_h5ad(tmp_path / "cells.h5ad")
    back = cr.get.contrast_df(ad.read_h5ad(tmp_path / "cells.h5ad"), key="mine")
    pd.testing.assert_frame_equal(back, cr.get.contrast_df(other, key="mine"), check_dtype=False)
    options = {"groupby": "batch", "group": "one"}
    with pytest.raises(KeyError, match="'nothing' is not one of the 16 programs"):
        cr.tl.contrast(result, model, "nothing", **options)
    with pytest.raises(ValueError, match="'one' is both in groups and the reference"):
        cr.tl.contrast(result, model, PROGRAM, **options, reference="one")
    with pytest.raises(ValueError, match="'three' is not a group of 'batch'"):
        cr.tl.contrast(result, model, PROGRAM, groupby="batch", group="three")
    with pytest.raises(KeyError, match=r"no contrast under 'contrast'; call crystallin.tl.contrast"):
        cr.get.contrast_df(result)


def test_contributions_to_a_total_sum_to_its_difference(result, model):
    cr.tl.contrast(result, model, PROGRAM, groupby="cell_type", group="type 1", kind="total")
    params = cr.get.contrast_params(result)
    cr.tl.rank_programs_groups(result, model, "cell_type", groups="type 1")
    ranked = cr.get.rank_programs_groups_df(result, columns="all").set_index("program").loc[PROGRAM]
    assert params["kind"] == "total"
    assert params["difference"] == pytest.approx(cr.get.contrast_df(result)["contribution"].sum())
    assert params["difference"] == pytest.approx(ranked["total_effect"], abs=4e-3)
    with pytest.raises(ValueError, match="kind='both'"):
        cr.tl.contrast(result, model, PROGRAM, groupby="cell_type", group="type 1", kind="both")


def test_errors_of_estimates_are_corrected_too(result, model):
    options = {"groupby": "batch", "group": "one", "method": "integrated_gradients"}
    cr.tl.contrast(result, model, PROGRAM, **options)
    table = cr.get.contrast_df(result)
    sd = pd.Series(result.obsm["programs_sd"][:, model.program_names.tolist().index(PROGRAM)], result.obs_names)
    share = 1 - sd.pow(2).groupby(result.obs["batch"], observed=True).mean()
    expected = table["mean_group"] / share["one"] - table["mean_reference"] / share["two"]
    np.testing.assert_allclose(table["contribution"], expected, atol=1e-6)
    assert (table["se"] >= 0).all()


def test_within_strata(result, model, caplog):
    few = result.obs["cell_type"].cat.add_categories(["few"])
    few.iloc[:9] = "few"
    result.obs["cell_type"] = few
    cr.tl.contrast(result, model, PROGRAM, groupby="batch", group="one", within="cell_type")
    table, params = cr.get.contrast_df(result), cr.get.contrast_params(result)
    assert params["within"] == "cell_type" and len(params["left_out"]) == 1
    assert "Left out few: " in caplog.text and "of 10 needed" in caplog.text
    assert table.columns[0] == "stratum" and set(table["stratum"]) == {"type 0", "type 1", "type 2"}
    # as in a contrast of these cells alone
    for name, part in table.groupby("stratum"):
        alone = result[result.obs["cell_type"] == name].copy()
        cr.tl.contrast(alone, model, PROGRAM, groupby="batch", group="one")
        other = cr.get.contrast_df(alone).set_index("gene")["contribution"]
        values = part.set_index("gene")["contribution"]
        np.testing.assert_allclose(values[other.index], other, atol=2e-4)
        cr.tl.rank_programs_groups(alone, model, "batch", groups="one")
        ranked = cr.get.rank_programs_groups_df(alone, columns="all").set_index("program")
        assert values.sum() == pytest.approx(ranked.loc[PROGRAM, "effect"], abs=4e-3)
    # rows of a gene follow each other, those with the largest contribution anywhere first
    largest = table.groupby("gene", sort=False)["contribution"].agg(lambda values: values.abs().max())
    assert (np.diff(largest) <= 0).all() and (table["gene"].to_numpy()[:3] == table["gene"].iloc[0]).all()
    for name in ("type 0", "type 2"):
        sizes = table[table["stratum"] == name].set_index("gene")["contribution"].abs()
        first = cr.get.contrast_df(result, 4, stratum=name)
        assert first["gene"].tolist() == sizes.sort_values(ascending=False, kind="stable").index[:4].tolist()
    mean = table.groupby("gene")["contribution"].mean()
    assert params["difference"] == pytest.approx(mean.sum())
    assert cr.get.contrast_df(result, 2)["gene"].nunique() == 2 and len(cr.get.contrast_df(result, 2)) == 6
    assert set(cr.get.contrast_df(result, stratum="type 1")["stratum"]) == {"type 1"}
    with pytest.raises(ValueError, match="stratum='few' is not one of 'type 0', 'type 1', 'type 2'"):
        cr.get.contrast_df(result, stratum="few")


def test_strata_that_are_too_small(result, model):
    options = {"groupby": "batch", "group": "one"}
    result.obs["cell"] = result.obs_names
    result.obs["cell"] = result.obs["cell"].astype("category")
    message = r"No label of within='cell' has 10 cells on both sides: cell0: \d cell\(s\) in the group and \d in the"
    with pytest.raises(ValueError, match=message):
        cr.tl.contrast(result, model, PROGRAM, **options, within="cell")
    with pytest.raises(ValueError, match="within='batch' is also groupby"):
        cr.tl.contrast(result, model, PROGRAM, **options, within="batch")
    with pytest.raises(KeyError, match="'nothing'"):
        cr.tl.contrast(result, model, PROGRAM, **options, within="nothing")
    assert "contrast" not in result.uns
    cr.tl.contrast(result, model, PROGRAM, **options)
    with pytest.raises(ValueError, match="stratum='type 1': the contrast under 'contrast' has no strata"):
        cr.get.contrast_df(result, stratum="type 1")


def test_activities_are_needed(result, model):
    del result.obsm["programs_sd"]
    with pytest.raises(KeyError, match="no activities under 'X_programs'; call crystallin.tl.activity"):
        cr.tl.contrast(result, model, PROGRAM, groupby="batch", group="one")
