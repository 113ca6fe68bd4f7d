"""Warnings point to the user's line, however many functions of the package lie between."""

import warnings

import pytest
from scipy import sparse

import crystallin as cr

HERE = __file__


@pytest.fixture
def other(result, model):
    """Results of another state of the model than the activities."""
    cr.tl.leakage(result, model)
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions", programs="Program/1")
    cr.tl.rank_programs_groups(result, model, "cell_type")
    result.uns["programs"]["activity_params"]["digest"] = "another"
    return result


READ = {
    "through a helper": lambda adata: cr.get.leakage_df(adata),
    "directly": lambda adata: cr.get.rank_programs_groups_df(adata, columns="all"),
    "through an accessor": lambda adata: cr.pl.attributions(adata, "Program/1"),
}


@pytest.mark.parametrize("how", READ)
def test_results_of_another_model(other, how):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        READ[how](other)
    files = {warning.filename for warning in caught if "computed with another model" in str(warning.message)}
    assert files == {HERE}


def test_genes_without_counts(planted):
    counts = planted.adata.X.toarray()
    counts[:, 3] = 0
    planted.adata.X = sparse.csr_matrix(counts)
    calls = {
        "setup": lambda adata: cr.ProgramVAE.setup_anndata(adata),
        "fit": lambda adata: cr.fit(adata, planted.sets, max_epochs=1, posterior_epochs=0, enable_progress_bar=False),
    }
    for call in calls.values():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call(planted.adata.copy())
        files = {warning.filename for warning in caught if "have no counts in adata.X" in str(warning.message)}
        assert files == {HERE}
