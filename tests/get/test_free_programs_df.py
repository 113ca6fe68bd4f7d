import pytest

import crystallin as cr


def test_free_programs_df(freed, freed_model):
    table = cr.get.free_programs_df(freed)
    assert table.index.tolist() == freed_model.free_names.tolist()
    assert table.columns.tolist() == ["genes", "n_genes", "hint", "hint_q"]
    table["genes"] = ""
    assert (cr.get.free_programs_df(freed)["genes"] != "").all()


def test_without_free_programs(result, planted):
    with pytest.raises(KeyError, match=r'no free programs under .*programs.* n_unannotated="auto"'):
        cr.get.free_programs_df(result)
    with pytest.raises(KeyError, match="no programs under 'programs'"):
        cr.get.free_programs_df(planted.adata)
