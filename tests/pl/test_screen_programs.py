import numpy as np
import pytest

import crystallin as cr


def test_dots_lie_beside_their_random_sets(planted):
    cr.pp.add_programs(planted.adata, planted.sets, n_decoys=8)
    with pytest.raises(ValueError, match="were not screened; call crystallin.pp.screen_programs"):
        cr.pl.screen_programs(planted.adata)
    cr.pp.screen_programs(planted.adata, n_null=200)
    ax = cr.pl.screen_programs(planted.adata, n_programs=6)
    table = cr.get.programs_df(planted.adata, decoys=True, columns="all").nlargest(6, "coherence_z")[::-1]
    x, y = ax.collections[0].get_offsets().T
    np.testing.assert_allclose(x, table["coherence"])
    assert [label.get_text() for label in ax.get_yticklabels()] == table.index.tolist() and y.tolist() == list(range(6))
    middle = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    np.testing.assert_allclose(middle, table["coherence_null"])
    sd = (table["coherence"] - table["coherence_null"]) / table["coherence_z"]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], 4 * sd)
    assert ax.texts[-1].get_text() == f"{table['n_carriers'].iloc[-1]:.0f} of {table['n_measured'].iloc[-1]:.0f} genes"
    faces = ax.collections[0].get_facecolors()[:, :3]
    assert ((faces == 1).all(1) == ~table["awake"]).all()
    explained = [text.get_text() for text in ax.get_legend().get_texts()]
    assert explained[:2] == ["random sets, mean ± 2 sd", "awake"] and len(explained) == 3 - table["awake"].all()
    with pytest.raises(ValueError, match="screened without types"):
        cr.pl.screen_programs(planted.adata, within=True)


def test_within_types(planted):
    cr.pp.add_programs(planted.adata, planted.sets)
    cr.pp.screen_programs(planted.adata, within="cell_type", n_null=200)
    table = cr.get.programs_df(planted.adata, columns="all")
    for within, suffix in ((None, "_within"), (False, "")):
        ax = cr.pl.screen_programs(planted.adata, within=within)
        rows = table.sort_values(f"coherence_z{suffix}")
        np.testing.assert_allclose(ax.collections[-1].get_offsets()[:, 0], rows[f"coherence{suffix}"])
        assert ("same type" in ax.get_xlabel()) == bool(suffix)


def test_programs_that_cannot_be_tested_are_not_drawn(planted):
    genes = list(planted.adata.var_names)
    cr.pp.add_programs(planted.adata, {"most": genes[:239], "others": genes[1:]}, max_genes=None)
    with pytest.warns(UserWarning, match="None could be tested"):
        cr.pp.screen_programs(planted.adata, n_null=100)
    with pytest.raises(ValueError, match="None of the programs under 'programs' could be tested.*'asleep'"):
        cr.pl.screen_programs(planted.adata)
