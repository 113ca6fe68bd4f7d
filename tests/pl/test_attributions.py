"""Attributions as a heat map of genes and groups."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import crystallin as cr

PROGRAM = "Program/2"


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
    assert words(ax.get_legend().get_texts()) == ["not a member of the program"]


def test_uncertain_means_are_small_squares(attributed):
    column = list(attributed.uns["attributions"]["programs"]).index(PROGRAM)
    genes = list(cr.get.attributions_df(attributed, PROGRAM, "type 0", n=2)["gene"])
    first, second = attributed.var_names.get_indexer(genes)
    values, se = attributed.varm["attributions"], attributed.varm["attributions_se"]
    values[[first, second], column, 0] = 3, -2
    se[first, column, 0], se[second, column, 0] = 1.4, 1.1
    ax = cr.pl.attributions(attributed, PROGRAM, n_genes=4)
    assert words(ax.get_yticklabels())[:2] == genes
    shown = ax.images[0].get_array()
    assert shown.mask.sum() == 1 and shown.mask[1, 0] and shown[0, 0] == 3
    (squares,) = ax.collections
    assert squares.get_array().tolist() == [-2] and squares.norm is ax.images[0].norm
    (path,) = squares.get_paths()
    np.testing.assert_allclose(path.get_extents().get_points(), [[-0.2, 0.8], [0.2, 1.2]])
    assert words(ax.figure.legends[0].get_texts())[0] == "95 % interval (of a sample of cells) includes 0"


def test_a_few_cells_do_not_set_the_scale(attributed):
    column = list(attributed.uns["attributions"]["programs"]).index(PROGRAM)
    attributed.varm["attributions"][:, column, 2] *= 50
    limit = cr.pl.attributions(attributed, PROGRAM).images[0].get_clim()[1]
    few = np.flatnonzero(attributed.obs["cell_type"] == "type 2")[8:]
    some = attributed[np.setdiff1d(np.arange(500), few)].copy()
    ax = cr.pl.attributions(some, PROGRAM)
    assert ax.images[0].get_clim()[1] < limit / 10
    colours = [label.get_color() for label in ax.get_xticklabels()]
    assert colours[0] == colours[1] == "black" != colours[2]
    assert words(ax.figure.legends[0].get_texts())[0] == "fewer than 30 cells, which do not set the scale"
    # they are small squares
    assert ax.images[0].get_array().mask.tolist() == [[False, False, True]] * 20
    assert len(ax.collections[0].get_paths()) == 20
    # where all are small, all count
    assert cr.pl.attributions(some, PROGRAM, group="type 2").images[0].get_clim()[1] > limit / 10


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
    for slot in ("attributions", "attributions_se"):
        attributed.varm[slot] = np.tile(attributed.varm[slot], (1, 1, 20))
    attributed.uns["attributions"]["groups"] = np.array([f"group {i}" for i in range(60)], dtype=object)
    ax = cr.pl.attributions(attributed, PROGRAM)
    assert len(ax.get_xticklabels()) == 60 and {label.get_rotation() for label in ax.get_xticklabels()} == {90}
    ax = cr.pl.attributions(attributed, PROGRAM, group=["group 1"])
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {45}
