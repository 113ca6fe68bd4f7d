import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr


def sets_of(net: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {
        name: dict(zip(part["target"], part["weight"], strict=True)) for name, part in net.groupby("source", sort=False)
    }


def test_members_and_suggestions(audited, changes):
    adata = audited()
    since = changes(adata)
    net = cr.get.completed_programs(adata)
    assert not since()
    audit = cr.get.audit_df(adata, columns="all")
    assert list(net) == ["source", "target", "weight", "origin", "loading", "q", "verdict", "replicated"]
    # all programs that are no decoys, in their order, the one that was not audited among them
    assert list(net["source"].unique()) == ["T/one", "T two", "Signed", "asleep"]
    assert not net.duplicated(["source", "target"]).any()
    added = net[net["origin"] == "added"]
    suggested = audit[audit["verdict"] == "suggested"]
    assert added["target"].tolist() == suggested["gene"].tolist()
    np.testing.assert_array_equal(added["weight"], suggested["weight"])
    np.testing.assert_array_equal(added["loading"], suggested["loading"])
    assert added["target"].str.startswith("new-").sum() == 3
    signed = sets_of(net[net["origin"] == "original"])["Signed"]
    assert signed == {f"g{i}": (-0.5 if i % 3 == 0 else 2.0) for i in range(30, 40)}
    # members come before what was added
    one = net[net["source"] == "T/one"]
    assert one["origin"].tolist() == ["original"] * 12 + ["added"] * 4
    assert one["verdict"].tolist()[:4] == ["silent", "silent", "contradicts", "kept"]
    asleep = net[net["source"] == "asleep"]
    assert asleep["loading"].isna().all() and (asleep["verdict"] == "").all() and not asleep["replicated"].any()
    assert net["replicated"].dtype == bool and net["q"].dtype == float
    assert net.attrs == {"crystallin": cr.__version__, "fdr": 0.1, "min_loading": 0.25, "realised": 0.0}
    pd.testing.assert_frame_equal(net, cr.get.completed_programs(adata))


def test_round_trip_through_add_programs(audited):
    adata = audited(outside=False)
    net = cr.get.completed_programs(adata)
    cr.pp.add_programs(adata, net, key_added="completed")
    names = list(adata.uns["completed"]["names"])
    prior = adata.varm["completed"].toarray()
    for name, weights in sets_of(net).items():
        column = prior[:, names.index(name)]
        assert {adata.var_names[i]: column[i] for i in np.flatnonzero(column)} == weights
    about = cr.get.programs_df(adata, key="completed", columns="all")
    assert about.loc["Signed", "signed"] and not about.loc["T/one", "signed"]
    # genes outside the panel are counted as missing from the data
    other = audited()
    cr.pp.add_programs(other, cr.get.completed_programs(other), key_added="completed")
    assert cr.get.programs_df(other, key="completed", columns="all").loc["T/one", "missing"].startswith("new-")


def test_contradicting_members_are_dropped_but_never_all(audited):
    adata = audited()
    net = cr.get.completed_programs(adata, drop_contradicting=True)
    assert "contradicts" not in set(net["verdict"])
    assert len(net) == len(cr.get.completed_programs(adata)) - 3
    table = adata.uns["audit_programs"]["table"]
    table.loc[(table["program"] == "T two") & (table["kind"] == "member"), "verdict"] = "contradicts"
    net = cr.get.completed_programs(adata, drop_contradicting=True)
    assert (net.loc[net["source"] == "T two", "verdict"] == "contradicts").sum() == 10
    assert (net.loc[net["source"] == "T/one", "verdict"] == "contradicts").sum() == 0


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_read_from_files_under_another_key(audited, tmp_path, kind):
    adata = audited(key="mine")
    for column in ("program", "verdict", "kind"):
        adata.uns["mine_audit_programs"]["table"][column] = pd.Categorical(
            adata.uns["mine_audit_programs"]["table"][column]
        )
    expected = cr.get.completed_programs(adata, key="mine")
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    again = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}")
    found = cr.get.completed_programs(again, key="mine_audit_programs")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found.attrs == expected.attrs


def test_no_suggestions(audited):
    net = cr.get.completed_programs(audited(n_suggested=0, n_possible=0))
    assert set(net["origin"]) == {"original"}


def test_changed_genes_and_programs_are_refused(audited):
    adata = audited()
    with pytest.raises(ValueError, match="genes of adata, or their order, changed"):
        cr.get.completed_programs(adata[:, :60].copy())
    del adata.varm["programs"]
    with pytest.raises(KeyError, match="has no programs under 'programs'"):
        cr.get.completed_programs(adata)
    cr.pp.add_programs(adata, {"T": [f"g{i}" for i in range(9)]})
    with pytest.raises(ValueError, match="belong to programs that were replaced since"):
        cr.get.completed_programs(adata)
