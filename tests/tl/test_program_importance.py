import numpy as np

import crystallin as cr


def test_importance(result, model):
    cr.tl.program_importance(result, model, groupby="cell_type")
    table = cr.get.program_importance_df(result, "type 1")
    assert len(table) == 8 and not table["program"].str.startswith("decoy").any()
    # all planted programs before all decoys: with 8 of each one in nine cannot be told from chance
    assert (table["decoy_q"] <= 1 / 9 + 1e-9).all() and (np.diff(table["importance"]) <= 0).all()
    assert 0.8 < table["share"].sum() < 1
    everyone = model.get_program_importance()["all"]
    kept = cr.get.programs_df(result, decoys=True, columns="all")["importance"]
    np.testing.assert_allclose(kept, everyone[kept.index], rtol=1e-3, atol=1e-3)
