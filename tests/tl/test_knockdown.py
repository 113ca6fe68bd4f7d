import numpy as np
import pytest

import crystallin as cr

PROGRAM = "Program/2"


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
