import numpy as np

import crystallin as cr


def test_it_is_the_average_cells(model):
    """Against samples from the exact posterior of each cell."""
    covariance = model.get_posterior_covariance()
    assert covariance.index.tolist() == covariance.columns.tolist() == model.program_names.tolist()
    samples = model.sample_activity(200, indices=range(0, 500, 5))
    centred = samples - samples.mean(axis=0)
    average = np.einsum("scp,scq->pq", centred, centred) / centred.shape[0] / centred.shape[1]
    # the inverse of the average information is less than the average of the inverses, but not by much
    ratio = np.diag(covariance) / np.diag(average)
    assert (ratio > 0.7).all() and (ratio < 1.03).all(), ratio
    one, other = (matrix / np.sqrt(np.outer(np.diag(matrix), np.diag(matrix))) for matrix in (covariance, average))
    np.testing.assert_allclose(one, other, atol=0.12)
    # of some cells, and of other data
    np.testing.assert_allclose(model.get_posterior_covariance(indices=range(500)), covariance)


def test_twins_are_seen(planted, quick):
    """Two sets of all but the same genes: what one takes the other lacks."""
    sets = planted.sets | {"twin": planted.sets["Program/0"][:-1]}
    cr.pp.add_programs(planted.adata, sets, min_genes=3)
    model = quick(planted.adata, epochs=30)
    covariance = model.get_posterior_covariance()
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    assert correlation.loc["twin", "Program/0"] < -0.5
    others = correlation.drop(index="twin", columns="twin").to_numpy()
    assert np.abs(others[~np.eye(len(others), dtype=bool)]).max() < 0.5
    cr.tl.activity(planted.adata, model)
    cr.tl.rank_programs_groups(planted.adata, model, "cell_type")
    table = cr.get.rank_programs_groups_df(planted.adata, "type 0", columns="all").set_index("program")
    assert table.loc["twin", "family"] == table.loc["Program/0", "family"]
    assert table.loc["twin", "nearest_twin"] == "Program/0"
    assert table.loc["twin", "variance_inflation"] > 1.3 > table.drop(["twin", "Program/0"])["variance_inflation"].max()
    assert table.loc[["twin", "Program/0"], "lead"].sum() == 1
