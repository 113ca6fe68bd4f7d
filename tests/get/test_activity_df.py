import numpy as np
import pytest

import crystallin as cr


def test_activity_df(result):
    frame = cr.get.activity_df(result, ["Program/3", "Program/1"])
    assert frame.columns.tolist() == ["Program/3", "Program/1"]
    assert frame.index.equals(result.obs_names)
    np.testing.assert_array_equal(frame["Program/1"], result.obsm["X_programs"][:, 1])
    both = cr.get.activity_df(result, ["Program/3", "Program/1"], sd=True)
    assert both.columns.tolist() == ["Program/3", "Program/3 sd", "Program/1", "Program/1 sd"]
    np.testing.assert_array_equal(both[["Program/3", "Program/1"]], frame)
    np.testing.assert_array_equal(both["Program/3 sd"], result.obsm["programs_sd"][:, 3])
    # decoys are hidden unless asked for, by flag or by name
    assert cr.get.activity_df(result).shape[1] == 8
    assert cr.get.activity_df(result, decoys=True).shape[1] == 16
    assert cr.get.activity_df(result, "decoy 1").shape[1] == 1


def test_totals(result, model):
    total, total_sd = model.get_activity(kind="total", return_sd=True)
    frame = cr.get.activity_df(result, ["Program/3", "decoy 1"], kind="total")
    names = model.program_names.tolist()
    columns = [names.index(name) for name in frame]
    np.testing.assert_array_equal(frame, total[:, columns])
    both = cr.get.activity_df(result, list(frame), kind="total", sd=True)
    np.testing.assert_array_equal(both.iloc[:, 1::2], total_sd[:, columns])


@pytest.mark.parametrize("accessor", [cr.get.activity, cr.get.activity_df])
def test_readings_that_are_not_there(result, earlier, accessor):
    with pytest.raises(ValueError, match="kind='both' is not one of 'unique', 'total'"):
        accessor(result, kind="both")
    old = earlier(result)
    with pytest.raises(KeyError, match=r"no total activities under 'X_programs_total'.* written by an earlier version"):
        accessor(old, kind="total")
    assert accessor(old).shape == (500, 8)
