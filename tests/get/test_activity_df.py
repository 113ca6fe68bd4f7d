import numpy as np

import crystallin as cr


def test_activity_df(result):
    frame = cr.get.activity_df(result, ["Program/3", "Program/1"])
    assert frame.columns.tolist() == ["Program/3", "Program/1"]
    assert frame.index.equals(result.obs_names)
    np.testing.assert_array_equal(frame["Program/1"], result.obsm["X_programs"][:, 1])
    sd = cr.get.activity_df(result, "Program/3", sd=True)
    np.testing.assert_array_equal(sd["Program/3"], result.obsm["programs_sd"][:, 3])
    # decoys are hidden unless asked for, by flag or by name
    assert cr.get.activity_df(result).shape[1] == 8
    assert cr.get.activity_df(result, decoys=True).shape[1] == 16
    assert cr.get.activity_df(result, "decoy 1").shape[1] == 1
