"""Attributions as a tidy table: order, ranks, members, and what was lost since."""

import numpy as np
import pytest

import crystallin as cr

P, Q = "Program/2", "Program/5"
read = cr.get.attributions_df


@pytest.fixture
def attributed(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions", programs=[P, Q])
    return result


@pytest.fixture
def of_cells(result, model):
    cr.tl.attributions(result, model, cells=range(6), level="cell", method="contributions", programs=[P])
    return result


def test_all_that_is_stored_is_returned_once(attributed):
    table = read(attributed)
    assert table.columns.tolist() == ["program", "group", "gene", "attribution", "se", "member", "added", "rank"]
    assert not table.duplicated(["program", "group", "gene"]).any()
    stored = attributed.varm["attributions"]
    assert len(table) == np.isfinite(stored).sum() == 2 * 3 * 240
    labels = [str(name) for name in attributed.uns["attributions"]["groups"]]
    names = [str(name) for name in attributed.uns["attributions"]["programs"]]
    genes = attributed.var_names.get_indexer(table["gene"])
    places = table["program"].map(names.index), table["group"].map(labels.index)
    np.testing.assert_array_equal(table["attribution"], stored[genes, places[0], places[1]])


@pytest.mark.parametrize("members", [None, True, False])
def test_ranks_are_by_size_among_those_kept(attributed, planted, members):
    table = read(attributed, members=members)
    for (program, _), part in table.groupby(["program", "group"]):
        size = part["attribution"].abs().to_numpy()
        assert (np.diff(size) <= 0).all() and part["rank"].tolist() == list(range(1, len(part) + 1))
        assert (part["member"] == part["gene"].isin(planted.sets[program])).all()
        n_members = len(planted.sets[program])
        assert len(part) == {None: 240, True: n_members, False: 240 - n_members}[members]
        shortest = read(attributed, program, part["group"].iloc[0], n=5, members=members)
        assert shortest["gene"].tolist() == part["gene"].head(5).tolist()


def test_order_is_that_asked_for(attributed):
    table = read(attributed, [Q, P], ["type 2", "type 0"], n=1)
    assert table["program"].tolist() == [Q, Q, P, P]
    assert table["group"].tolist() == ["type 2", "type 0"] * 2


def test_more_genes_than_there_are(attributed):
    assert len(read(attributed, P, "type 1", n=10_000)) == 240


def test_missing_attributions_are_left_out(attributed):
    attributed.varm["attributions"][:7] = np.nan
    table = read(attributed)
    assert not table["gene"].isin(attributed.var_names[:7]).any() and table["attribution"].notna().all()
    assert (table.groupby(["program", "group"])["rank"].max() == 233).all()


def test_of_cells(of_cells, model):
    table = read(of_cells)
    assert table.columns[1] == "cell" and table["cell"].unique().tolist() == of_cells.obs_names[:6].tolist()
    each = model.get_attributions(indices=range(6), method="contributions", programs=[P], statistic="each")
    one = read(of_cells, P, "cell4").set_index("gene")["attribution"][of_cells.var_names]
    np.testing.assert_allclose(one, each[4, :, 0], atol=1e-5)


def test_of_cells_after_genes_were_left_out(of_cells, planted):
    """The result holds all genes; those that are gone are members of nothing that is known now."""
    whole = read(of_cells)
    part = of_cells[:, 40:].copy()
    table = read(part)
    assert table["gene"].tolist() == whole["gene"].tolist()
    members = table.loc[table["member"], "gene"].unique()
    assert set(members) == set(planted.sets[P]) & set(part.var_names)


def test_bad_input(attributed, planted):
    with pytest.raises(KeyError, match="'Program/9' is not one of the 2 programs"):
        read(attributed, "Program/9")
    with pytest.raises(ValueError, match="group='type 9' is not one of"):
        read(attributed, group="type 9")
    for n in (0, -1, 1.5, True):
        with pytest.raises((TypeError, ValueError), match="n="):
            read(attributed, n=n)
    with pytest.raises(KeyError, match="no attributions under 'mine'.*There is one under 'attributions'"):
        read(attributed, key="mine")
    with pytest.raises(KeyError, match="call crystallin.tl.attributions"):
        read(planted.adata)
    del attributed.varm["programs"]
    with pytest.raises(KeyError, match="programs"):
        read(attributed)
