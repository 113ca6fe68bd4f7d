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
    difference = activity[inside].mean() - activity[~inside].mean()
    assert params["difference"] == pytest.approx(table["contribution"].sum())
    # activities as stored stop a little before the mode
    assert params["difference"] == pytest.approx(difference, abs=2e-3)
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
    total = result.obsm["X_programs_total"][:, model.program_names.tolist().index(PROGRAM)]
    inside = (result.obs["cell_type"] == "type 1").to_numpy()
    assert params["kind"] == "total"
    assert params["difference"] == pytest.approx(cr.get.contrast_df(result)["contribution"].sum())
    assert params["difference"] == pytest.approx(total[inside].mean() - total[~inside].mean(), abs=2e-3)
    with pytest.raises(ValueError, match="kind='both'"):
        cr.tl.contrast(result, model, PROGRAM, groupby="cell_type", group="type 1", kind="both")
