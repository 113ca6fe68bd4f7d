import numpy as np
import pytest

import crystallin as cr


def test_effects(ranked):
    ax = cr.pl.effects(ranked, n_programs=30)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["CD14+ monocytes", "B cells"]
    assert ax.get_title() == "stim against ctrl"
    assert len(ax.get_yticklabels()) == 29  # leads that are tested somewhere
    table = cr.get.rank_programs_groups_df(ranked, columns="all")
    names = table["program"].unique()[:5]
    ax = cr.pl.effects(ranked, names, stratum="B cells", families="all")
    shown = np.asarray(ax.images[0].get_array())[:, 0]
    part = table[table["stratum"] == "B cells"].set_index("program").loc[names]
    np.testing.assert_allclose(shown, part["effect"])
    full, hollow = ax.collections[:2]
    called = part["call"] != ""
    assert 0 < len(full.get_offsets()) == called.sum() < 5
    assert len(hollow.get_offsets()) == ((part["q"] <= 0.05) & ~called).sum()
    # what is not called is pale
    np.testing.assert_array_equal(np.asarray(ax.images[0].get_alpha())[:, 0] == 1, called)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["called", "not called, though q ≤ 0.05", "pale: not called"]
    untested = table["program"].unique()[-1]
    ax = cr.pl.effects(ranked, [untested])
    assert np.ma.getmaskarray(ax.images[0].get_array()).all()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["not tested"]
    with pytest.raises(KeyError, match="'nothing' is not one of the 60 programs"):
        cr.pl.effects(ranked, "nothing")


def test_the_scale_is_that_of_what_is_called(ranked):
    table = ranked.uns["rank_programs_groups"]["table"]
    # a few cells make a large difference that is not called
    row = table.index[table["q"] > 0.05][0]
    table.loc[row, "effect"] = 50.0
    ax = cr.pl.effects(ranked, n_programs=60, families="all")
    called = cr.get.rank_programs_groups_df(ranked, called=True, columns="all")["effect"].abs().max()
    assert ax.images[0].get_clim()[1] <= called
    assert cr.pl.effects(ranked, n_programs=1).get_yticklabels()[0].get_text() != table["program"][row]


def test_a_limit_of_q_instead_of_the_decision(ranked):
    ax = cr.pl.effects(ranked, n_programs=60, families="all", q_max=0.9)
    tested = cr.get.rank_programs_groups_df(ranked, columns="all")["q"].notna().sum()
    assert len(ax.collections[0].get_offsets()) == tested
    assert ax.get_legend().get_texts()[0].get_text() == "q ≤ 0.9"


def test_against_the_rest(ranked):
    table = ranked.uns["rank_programs_groups"]["table"]
    table["group"], table["stratum"], table["reference"] = table["stratum"], "", "rest"
    ax = cr.pl.effects(ranked)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["CD14+ monocytes", "B cells"]
    assert ax.get_title() == "against rest"


def test_totals(ranked):
    table = cr.get.rank_programs_groups_df(ranked, stratum="B cells", columns="all").set_index("program")
    names = table.index[:5]
    ax = cr.pl.effects(ranked, names, stratum="B cells", kind="total")
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array())[:, 0], table.loc[names, "total_effect"])
    assert [other.get_ylabel() for other in ax.figure.axes] == ["", "difference of total activity (prior sd)"]
    # a dot needs no conditional difference, which totals do not have
    assert len(ax.collections[0].get_offsets()) == (table.loc[names, "total_q"] <= 0.05).sum()
