import numpy as np
import pytest

import crystallin as cr
from crystallin.pl._ranking import found, special


def test_effects(ranked):
    ax = cr.pl.effects(ranked, n_programs=30)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["CD14+ monocytes", "B cells"]
    assert ax.get_title() == "stim against ctrl"
    assert len(ax.get_yticklabels()) == 29  # leads that are tested somewhere
    table = cr.get.rank_programs_groups_df(ranked)
    names = table["program"].unique()[:5]
    ax = cr.pl.effects(ranked, names, stratum="B cells", families="all")
    shown = np.asarray(ax.images[0].get_array())[:, 0]
    part = table[table["stratum"] == "B cells"].set_index("program").loc[names]
    np.testing.assert_allclose(shown, part["effect_sd"])
    full, hollow = ax.collections[:2]
    assert len(full.get_offsets()) == special(part, 0.05).sum()
    assert len(hollow.get_offsets()) == (found(part, 0.05) & ~special(part, 0.05)).sum()
    untested = table["program"].unique()[-1]
    assert np.ma.getmaskarray(cr.pl.effects(ranked, [untested]).images[0].get_array()).all()
    with pytest.raises(KeyError, match="'nothing' is not one of the 60 programs"):
        cr.pl.effects(ranked, "nothing")


def test_against_the_rest(ranked):
    table = ranked.uns["rank_programs_groups"]["table"]
    table["group"], table["stratum"], table["reference"] = table["stratum"], "", "rest"
    ax = cr.pl.effects(ranked)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["CD14+ monocytes", "B cells"]
    assert ax.get_title() == "against rest"


def test_totals(ranked):
    table = cr.get.rank_programs_groups_df(ranked, stratum="B cells").set_index("program")
    names = table.index[:5]
    ax = cr.pl.effects(ranked, names, stratum="B cells", kind="total")
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array())[:, 0], table.loc[names, "total_effect_sd"])
    assert ax.images[0].colorbar.ax.get_ylabel() == "difference of total activity / pooled sd"
    # a dot needs no conditional difference, which totals do not have
    assert len(ax.collections[0].get_offsets()) == (table.loc[names, "total_q"] <= 0.05).sum()
