import crystallin as cr


def test_programs_df(result):
    assert cr.get.programs_df(result, columns="all").index.tolist() == [f"Program/{i}" for i in range(8)]
    assert len(cr.get.programs_df(result, decoys=True, columns="all")) == 16
    cr.pp.add_programs(result, {"big": list(result.var_names[:9]), "small": ["g1"]}, key_added="mine")
    assert cr.get.programs_df(result, key="mine", columns="all").index.tolist() == ["big"]
    dropped = cr.get.programs_df(result, key="mine", dropped=True, columns="all")
    assert "fewer than min_genes" in dropped.loc["small", "reason"]
