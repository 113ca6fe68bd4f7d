import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin.get._main_columns import MAIN_COLUMNS


@pytest.fixture
def ranked(result, model):
    cr.tl.rank_programs_groups(result, model, "cell_type")
    return result


def test_the_main_columns_are_shown(ranked):
    whole = cr.get.rank_programs_groups_df(ranked, columns="all")
    shown = cr.get.rank_programs_groups_df(ranked)
    assert shown.columns.tolist() == list(MAIN_COLUMNS["rank_programs_groups_df"]) and whole.shape[1] > 20
    pd.testing.assert_frame_equal(shown, whole[list(shown)])
    total = cr.get.rank_programs_groups_df(ranked, kind="total")
    assert {"total_effect", "total_q", "total_call"} <= set(total) and not {"effect", "q"} & set(total)


def test_columns_by_name(ranked):
    table = cr.get.rank_programs_groups_df(ranked, q_max=0.5, columns=["program", "nearest_twin"])
    assert table.columns.tolist() == ["program", "nearest_twin"]
    assert cr.get.programs_df(ranked, columns="coverage").columns.tolist() == ["coverage"]
    with pytest.raises(KeyError, match="columns: 'efect' is not a column of this table.*Did you mean 'effect'"):
        cr.get.rank_programs_groups_df(ranked, columns=["efect"])


def test_reasons_are_shown_with_what_was_dropped(result):
    assert not {"kept", "reason", "missing", "decoy"} & set(cr.get.programs_df(result))
    assert {"kept", "reason", "missing"} <= set(cr.get.programs_df(result, dropped=True))
    assert "decoy" in cr.get.programs_df(result, decoys=True)


def test_every_main_column_exists(ranked, model):
    cr.tl.annotate(ranked, model, "cell_type", programs=["Program/1", "Program/2"])
    cr.tl.rules(ranked, "cell_type", n_bootstraps=1)
    for name in ("rank_programs_groups_df", "annotation_df", "rules_df"):
        # likeness is known of labels with profiles only
        expected = set(MAIN_COLUMNS[name]) - {"likeness", "agreement"}
        assert expected <= set(getattr(cr.get, name)(ranked, columns="all")), name
    # other tables are not cut
    assert cr.get.annotation_df(ranked, scores=True).shape[1] >= 4
    shown = cr.get.rules_df(ranked)
    shown.iloc[0] = np.nan
    assert cr.get.rules_df(ranked)["group"].notna().all()
