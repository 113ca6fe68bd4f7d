import pandas as pd
import pytest

import crystallin as cr


def test_rows_are_chosen(audited):
    adata = audited()
    whole = cr.get.audit_df(adata, columns="all")
    stored = adata.uns["audit_programs"]["table"]
    pd.testing.assert_frame_equal(whole, stored)
    assert whole is not stored
    assert set(cr.get.audit_df(adata, "T/one", columns="all")["program"]) == {"T/one"}
    assert set(cr.get.audit_df(adata, gene=["g10", "g11"], columns="all")["gene"]) == {"g10", "g11"}
    members = cr.get.audit_df(adata, "T/one", kind="member", columns="all")
    assert members["gene"].tolist() == [f"g{i}" for i in range(12)] and members.index.tolist() == list(range(12))
    found = cr.get.audit_df(adata, ["T/one", "T two"], verdict=["suggested", "contradicts"], columns="all")
    assert set(found["verdict"]) == {"suggested", "contradicts"} and len(found) == 8
    # kept is no verdict of missing genes, and silent is one that nothing may have
    assert len(cr.get.audit_df(audited(n_silent=0), verdict="silent", columns="all")) == 0
    summary = cr.get.audit_df(adata, summary=True)
    pd.testing.assert_frame_equal(summary, adata.uns["audit_programs"]["summary"])
    assert cr.get.audit_df(adata, "asleep", summary=True)["reason"].str.startswith("asleep").all()


def test_what_is_wrong_is_said(audited, changes):
    adata = audited()
    since = changes(adata)
    with pytest.raises(ValueError, match="program='T three' is not one of .*'T/one'"):
        cr.get.audit_df(adata, "T three", columns="all")
    with pytest.raises(ValueError, match="kind='others' is not one of 'member', 'missing'"):
        cr.get.audit_df(adata, kind="others", columns="all")
    with pytest.raises(ValueError, match="verdict='kept' is not one of 'suggested', 'possible'"):
        cr.get.audit_df(adata, kind="missing", verdict="kept", columns="all")
    with pytest.raises(ValueError, match="verdict='wrong' is not one of 'kept', 'silent'"):
        cr.get.audit_df(adata, verdict="wrong", columns="all")
    with pytest.raises(ValueError, match="one row for each program, so it cannot be combined with gene, verdict"):
        cr.get.audit_df(adata, gene="g1", verdict="kept", summary=True)
    assert not since()
    cr.pp.add_programs(adata, {"T": [f"g{i}" for i in range(9)]})
    with pytest.raises(ValueError, match="belong to programs that were replaced since"):
        cr.get.audit_df(adata, columns="all")
    del adata.uns["audit_programs"]
    with pytest.raises(KeyError, match=r"has no audit of programs under 'audit_programs'; call crystallin.tl.audit"):
        cr.get.audit_df(adata, columns="all")


def test_another_key(audited):
    adata = audited(key="mine")
    assert (
        len(cr.get.audit_df(adata, key="mine", columns="all"))
        == len(cr.get.audit_df(adata, key="mine_audit_programs", columns="all"))
        > 0
    )
