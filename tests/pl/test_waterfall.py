"""Attributions of one group, one on top of the other."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._style import DOWN, MUTED, UP

PROGRAM = "Program/2"


def words(labels):
    return [label.get_text() for label in labels]


def assert_italics(labels, members):
    assert [label.get_style() for label in labels] == ["normal" if member else "italic" for member in members]


def test_waterfall(attributed):
    _, given = plt.subplots()
    ax = cr.pl.waterfall(attributed, PROGRAM, group="type 1", n_genes=6, ax=given)
    assert ax is given and ax.get_title() == f"{PROGRAM}: type 1" and ax.get_xlabel() == "activity"
    table = cr.get.attributions_df(attributed, PROGRAM, "type 1")
    widths = np.array([bar.get_width() for bar in ax.patches])
    np.testing.assert_allclose(widths[:6], table["attribution"].head(6))
    np.testing.assert_allclose(widths[6:], [table["attribution"][6:].sum(), table["attribution"].sum()], atol=1e-6)
    activity = cr.get.activity_df(attributed)[PROGRAM][attributed.obs["cell_type"] == "type 1"].mean()
    assert widths[-1] == pytest.approx(activity, abs=2e-3)
    # each bar begins where the one before ended, the last at the baseline
    starts = [bar.get_x() for bar in ax.patches]
    np.testing.assert_allclose(starts, [0, *np.cumsum(widths[:6]), 0], atol=1e-6)
    assert words(ax.get_yticklabels()) == [*table["gene"].head(6), "234 other genes", "activity"]
    assert_italics(ax.get_yticklabels()[:6], table["member"].head(6))
    explained = {"raises the activity", "lowers it"} if (widths[:6] < 0).any() else set()
    explained |= set() if table["member"].head(6).all() else {"not a member of the program"}
    legend = ax.get_legend()
    assert (set(words(legend.get_texts())) if legend else set()) == explained
    colours = [UP if value > 0 else DOWN for value in widths[:6]]
    assert [bar.get_facecolor() for bar in ax.patches] == [to_rgba(colour) for colour in [*colours, MUTED, MUTED]]
    with pytest.raises(ValueError, match=r"The figure shows one group, but there are 3 \('type 0', 'type 1'"):
        cr.pl.waterfall(attributed, PROGRAM)
    with pytest.raises(ValueError, match="n_genes=0"):
        cr.pl.waterfall(attributed, PROGRAM, n_genes=0)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "gradient_input"},
        {"method": "integrated_gradients", "baseline": "group:type 0"},
        {"method": "integrated_gradients", "target": "encoder"},
        {"method": "contributions", "genes": [f"g{i}" for i in range(239)]},
    ],
)
def test_what_does_not_add_up_is_not_called_activity(result, model, options):
    cr.tl.attributions(result, model, groupby="cell_type", cells=range(60), programs=[PROGRAM], **options)
    ax = cr.pl.waterfall(result, PROGRAM, group="type 1")
    assert ax.get_yticklabels()[-1].get_text() == "sum" and ax.get_xlabel() == "sum of attributions"


def test_integrated_gradients_add_up_to_the_activity(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", cells=range(60), programs=[PROGRAM])
    ax = cr.pl.waterfall(result, PROGRAM, group="type 1", n_genes=240)
    # no bar of others where there are none
    assert words(ax.get_yticklabels()[-1:]) == ["activity"] and len(ax.patches) == 241
    assert "1 other gene" in words(cr.pl.waterfall(result, PROGRAM, group="type 1", n_genes=239).get_yticklabels())


def test_no_waterfall_of_absolute_values(result, model):
    cr.tl.attributions(result, model, method="contributions")
    with pytest.raises(ValueError, match="means of absolute values, which do not sum to an activity"):
        cr.pl.waterfall(result, PROGRAM)


def test_the_total_is_named(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions", programs=[PROGRAM], kind="total")
    ax = cr.pl.waterfall(result, PROGRAM, group="type 1")
    assert ax.get_title() == f"{PROGRAM} (total): type 1" and ax.get_xlabel() == "total activity"
    total = result.obsm["X_programs_total"][:, 2]
    inside = (result.obs["cell_type"] == "type 1").to_numpy()
    assert ax.patches[-1].get_width() == pytest.approx(total[inside].mean(), abs=2e-3)
    heat = cr.pl.attributions(result, PROGRAM)
    assert heat.get_title() == f"{PROGRAM} (total)"
    assert heat.images[0].colorbar.ax.get_ylabel() == "attribution (total activity)"
    of_program = cr.pl.program(result, PROGRAM, "cell_type")
    assert "(total)" in of_program[2].get_title()
