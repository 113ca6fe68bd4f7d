"""Figures of attributions: heat map, waterfall, agreement of methods."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._style import DOWN, MUTED, UP

PROGRAM = "Program/2"


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def attributed(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions")
    return result


def words(labels):
    return [label.get_text() for label in labels]


def assert_italics(labels, members):
    assert [label.get_style() for label in labels] == ["normal" if member else "italic" for member in members]


def test_heat_map(attributed):
    # a gene outside the program speaks loudest in one group
    outside = cr.get.attributions_df(attributed, PROGRAM, "type 0", n=1, members=False)["gene"].item()
    column = list(attributed.uns["attributions"]["programs"]).index(PROGRAM)
    attributed.varm["attributions"][attributed.var_names.get_loc(outside), column, 1] = -2
    _, given = plt.subplots()
    ax = cr.pl.attributions(attributed, PROGRAM, n_genes=6, ax=given)
    assert ax is given and ax.get_title() == PROGRAM
    table = cr.get.attributions_df(attributed, PROGRAM)
    values = table.pivot(index="gene", columns="group", values="attribution")
    largest = values.abs().max(axis=1).sort_values(ascending=False).index[:6]
    assert words(ax.get_yticklabels()) == list(largest) and largest[0] == outside
    assert words(ax.get_xticklabels()) == ["type 0", "type 1", "type 2"]
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), values.loc[largest])
    low, high = image.get_clim()
    assert low == -high and 0 < high < 2 and image.get_cmap().name == "RdBu_r"
    members = set(table.loc[table["member"], "gene"])
    assert_italics(ax.get_yticklabels(), [gene in members for gene in largest])
    assert image.colorbar.ax.get_ylabel() == "attribution (activity)"


def test_heat_map_of_some_groups(attributed):
    ax = cr.pl.attributions(attributed, PROGRAM, group=["type 2", "type 0"], n_genes=5)
    assert words(ax.get_xticklabels()) == ["type 2", "type 0"]
    shown = cr.get.attributions_df(attributed, PROGRAM, "type 2").set_index("gene")["attribution"]
    np.testing.assert_allclose(ax.images[0].get_array()[:, 0], shown[words(ax.get_yticklabels())])
    with pytest.raises(ValueError, match="group='type 9' is not one of 'type 0'"):
        cr.pl.attributions(attributed, PROGRAM, group="type 9")
    with pytest.raises(ValueError, match="n_genes=0"):
        cr.pl.attributions(attributed, PROGRAM, n_genes=0)


def test_heat_map_of_absolute_attributions(result, model):
    cr.tl.attributions(result, model, method="contributions", key_added="mine")
    ax = cr.pl.attributions(result, PROGRAM, key="mine")
    assert words(ax.get_xticklabels()) == ["all"]
    expected = cr.get.attributions_df(result, PROGRAM, key="mine", n=20)
    np.testing.assert_allclose(ax.images[0].get_array()[:, 0], expected["attribution"])
    # the scale shows no blue, as there is none
    assert ax.images[0].colorbar.ax.get_ylim()[0] == 0
    with pytest.raises(KeyError, match="no attributions under 'attributions'"):
        cr.pl.attributions(result, PROGRAM)


def test_heat_map_and_waterfall_of_cells(result, model):
    cr.tl.attributions(result, model, method="contributions", level="cell", cells=range(81), programs=[PROGRAM])
    ax = cr.pl.attributions(result, PROGRAM, group=["cell7", "cell3"])
    assert words(ax.get_xticklabels()) == ["cell7", "cell3"]
    ax = cr.pl.attributions(result, PROGRAM)
    assert not ax.get_xticklabels() and ax.get_xlabel() == "81 cells"
    ax = cr.pl.waterfall(result, PROGRAM, group="cell7")
    assert ax.patches[-1].get_width() == pytest.approx(cr.get.activity_df(result)[PROGRAM]["cell7"], abs=0.02)
    with pytest.raises(ValueError, match=r"The figure shows one cell, but there are 81 \('cell0', 'cell1', "):
        cr.pl.waterfall(result, PROGRAM)


def test_names_of_many_groups_are_upright(attributed):
    attributed.varm["attributions"] = np.tile(attributed.varm["attributions"], (1, 1, 20))
    attributed.uns["attributions"]["groups"] = np.array([f"group {i}" for i in range(60)], dtype=object)
    ax = cr.pl.attributions(attributed, PROGRAM)
    assert len(ax.get_xticklabels()) == 60 and {label.get_rotation() for label in ax.get_xticklabels()} == {90}
    ax = cr.pl.attributions(attributed, PROGRAM, group=["group 1"])
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {45}


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
