"""Agreement between methods of attribution."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import crystallin as cr

PROGRAM = "Program/2"


def words(labels):
    return [label.get_text() for label in labels]


def test_agreement(result, model):
    methods = ["activity/contributions", "encoder/integrated_gradients", "loadings"]
    programs = ["Program/1", PROGRAM]
    cr.tl.attribution_agreement(result, model, "cell_type", methods=methods, programs=programs)
    ax = cr.pl.agreement(result)
    names = [name.replace("_", " ") for name in methods]
    assert words(ax.get_xticklabels()) == words(ax.get_yticklabels()) == names
    assert ax.get_title() == "2 programs, 3 groups"
    shown = np.ma.filled(ax.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown, shown.T)
    assert np.isnan(np.diag(shown)).all() and ax.images[0].get_clim() == (0, 1)
    table = cr.get.attribution_agreement_df(result)
    pair = (table["method_a"] == methods[0]) & (table["method_b"] == methods[2])
    assert shown[0, 2] == pytest.approx(table.loc[pair, "rbo"].mean())
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert len(written) == 6 and written[2, 0] == f"{shown[0, 2]:.2f}"
    assert {text.get_color() for text in ax.texts} <= {"white", "black"}


def test_agreement_on_one_program_in_one_group(result, model):
    methods = ["activity/contributions", "loadings"]
    options = {"methods": methods, "programs": [PROGRAM, "Program/1"], "key_added": "mine"}
    cr.tl.attribution_agreement(result, model, "cell_type", **options)
    _, given = plt.subplots()
    ax = cr.pl.agreement(result, PROGRAM, group="type 1", key="mine", ax=given)
    assert ax is given and ax.get_title() == f"{PROGRAM}, type 1"
    expected = cr.get.attribution_agreement_df(result, PROGRAM, "type 1", key="mine")["rbo"].item()
    assert ax.images[0].get_array()[0, 1] == pytest.approx(expected)
    with pytest.raises(KeyError, match="no agreement between attributions under 'attribution_agreement'"):
        cr.pl.agreement(result)
    with pytest.raises(ValueError, match="program='nothing'"):
        cr.pl.agreement(result, "nothing", key="mine")
