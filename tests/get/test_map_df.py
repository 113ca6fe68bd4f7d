import numpy as np
import pandas as pd
import pytest

import crystallin as cr

GROUPS = tuple("abcd")


def test_rows_are_chosen(mapped):
    adata = mapped(groupby="cluster", groups=GROUPS)
    stored = adata.uns["map"]["table"]
    whole = cr.get.map_df(adata, columns="all")
    pd.testing.assert_frame_equal(whole, stored)
    assert whole is not stored
    assert cr.get.map_df(adata, ["d", "a"], columns="all")["group"].tolist() == ["a", "d"]
    found = cr.get.map_df(adata, verdict=["new", "shifted"], columns="all")
    assert found["group"].tolist() == ["b", "c"] and found.index.tolist() == [0, 1]
    # a verdict that no group has is no error
    assert len(cr.get.map_df(adata, "a", verdict="new", columns="all")) == 0
    other = mapped(key="mine")
    assert len(cr.get.map_df(other, key="mine_map", columns="all")) == 3


def test_every_column_is_described(mapped):
    for accessor, table in ((cr.get.map_df, cr.get.map_df(mapped(), columns="all")), (cr.get.map_cells_df, mapped())):
        columns = table if accessor is cr.get.map_df else cr.get.map_cells_df(table)
        for column in columns:
            assert f"- ``{column}``:" in accessor.__doc__


def test_what_is_wrong_is_said(mapped, planted):
    with pytest.raises(ValueError, match="group='e' is not one of 'a', 'b'"):
        cr.get.map_df(mapped(groupby="cluster", groups=GROUPS), "e", columns="all")
    with pytest.raises(ValueError, match="verdict='odd' is not one of 'like the reference', 'shifted'"):
        cr.get.map_df(mapped(), verdict="odd", columns="all")
    for accessor in (cr.get.map_df, cr.get.map_cells_df, cr.get.like_reference):
        with pytest.raises(KeyError, match=r"no verdicts on groups under 'map'; call crystallin.map\(adata, model\)"):
            accessor(planted.adata)


def test_cells(mapped):
    adata = mapped()
    cells = cr.get.map_cells_df(adata)
    slot = adata.obsm["programs_map"]
    assert cells.index.equals(adata.obs_names) and list(cells) == [
        "label",
        "probability",
        "p",
        "p_counts",
        "p_activity",
    ]
    assert cells["label"].cat.categories.tolist() == adata.uns["map"]["params"]["labels"].tolist()
    np.testing.assert_array_equal(cells["label"].cat.codes, slot[:, 0])
    np.testing.assert_allclose(cells[["probability", "p", "p_counts", "p_activity"]], slot[:, 1:])
    # labels that no cell has are categories as well
    part = cr.get.map_cells_df(adata[cells["label"] == "B cells"])
    assert set(part["label"]) == {"B cells"} and len(part["label"].cat.categories) == 3
    assert len(cr.get.map_cells_df(mapped(key="mine"), key="mine_map")) == 120


def test_cells_that_were_changed(mapped):
    adata = mapped()
    adata.obsm["programs_map"] = adata.obsm["programs_map"][:, :2]
    with pytest.raises(ValueError, match=r"has shape \(120, 2\) instead of cells x 5: it was changed"):
        cr.get.map_cells_df(adata)
    del adata.obsm["programs_map"]
    with pytest.raises(KeyError, match="has no 'programs_map', which holds the labels of cells"):
        cr.get.map_cells_df(adata)


@pytest.mark.parametrize("groupby", [None, "cluster"])
@pytest.mark.parametrize("alpha", [0, 0.05, 0.5])
def test_like_reference(mapped, groupby, alpha):
    adata = mapped(groupby=groupby, groups=GROUPS)
    cells, verdicts = cr.get.map_cells_df(adata), cr.get.map_df(adata, columns="all").set_index("group")["verdict"]
    group = cells["label"].astype(str) if groupby is None else adata.obs[groupby].astype(str)
    expected = (cells["p"] >= alpha) & (group.map(verdicts) != "new")
    found = cr.get.like_reference(adata, alpha=alpha)
    assert found.dtype == bool and 0 < found.sum() < adata.n_obs
    np.testing.assert_array_equal(found, expected)
    # the result stays readable
    part = adata[found].copy()
    assert cr.get.like_reference(part, alpha=alpha).all() and "new" in set(
        cr.get.map_df(part, columns="all")["verdict"]
    )


def test_like_reference_with_other_groups(mapped):
    adata = mapped(groupby="cluster", groups=GROUPS)
    adata.obs["cluster"] = adata.obs["cluster"].cat.rename_categories({"a": "A"})
    with pytest.raises(ValueError, match="no verdict on 'A': the groups were changed since"):
        cr.get.like_reference(adata)
    del adata.obs["cluster"]
    with pytest.raises(KeyError, match="groupby='cluster'"):
        cr.get.like_reference(adata)
    with pytest.raises(ValueError, match="alpha=2 must be a number of at least 0"):
        cr.get.like_reference(mapped(), alpha=2)
