"""Activities on an embedding, faded where they are not known."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from anndata import concat
from matplotlib.colors import to_rgb

import crystallin as cr
from crystallin.pl._embedding import UNKNOWN


@pytest.fixture
def placed(result):
    rng = np.random.default_rng(0)
    result.obsm["X_umap"] = rng.normal(size=(result.n_obs, 2))
    result.obsm["X_pca"] = rng.normal(size=(result.n_obs, 5))
    return result


def cells(ax, place):
    """Cells in the order in which they are drawn, and their colours in the order of the data."""
    (points,) = ax.collections
    order = [int(np.flatnonzero((place == row).all(axis=1))[0]) for row in points.get_offsets()]
    colour = np.empty((len(order), 3))
    colour[order] = points.get_facecolors()[:, :3]
    return order, colour


def test_colour_fades_with_uncertainty(placed):
    activity, sd = placed.obsm["X_programs"], placed.obsm["programs_sd"]
    activity[:, 0], sd[:, 0] = 0.2, 0.5
    activity[:5, 0] = [2, 2, 2, -2, 0]
    sd[:5, 0] = [0, 0.8, 1, 0, 0]
    ax = cr.pl.embedding(placed, "Program/0")
    order, colour = cells(ax, placed.obsm["X_umap"])
    grey = np.array(to_rgb(UNKNOWN))
    known, faded, unknown, low, none = colour[:5]
    np.testing.assert_allclose(unknown, grey, atol=1e-6)
    # 1 - sd² of the colour is left
    np.testing.assert_allclose(faded - grey, 0.36 * (known - grey), atol=1e-6)
    assert known[0] > known[2] and low[2] > low[0] and none.min() > 0.95
    # what has most colour comes last, nothing lies on it
    assert set(order[-2:]) == {0, 3} and order[-3] == 1 and {2, 4} == set(order[:2])
    assert ax.collections[0].get_rasterized()
    assert ax.get_title() == "Program/0" and ax.get_xlabel() == "UMAP 1"


def test_one_scale_for_all_panels(placed):
    activity, sd = placed.obsm["X_programs"], placed.obsm["programs_sd"]
    activity[:, :2], sd[:, :2] = 0, 0
    activity[:, 0] = np.linspace(-4, 4, 500)
    activity[0, 1], activity[1, 1] = 1, 40
    axes = cr.pl.embedding(placed, ["Program/0", "Program/1", "Program/2"], n_cols=2)
    assert [ax.get_title() for ax in axes] == ["Program/0", "Program/1", "Program/2"]
    assert axes[0].get_position().y0 > axes[2].get_position().y0
    first, second = (cells(ax, placed.obsm["X_umap"])[1] for ax in axes[:2])
    same = np.abs(activity[:, 0] - 1).argmin()
    np.testing.assert_allclose(second[0], first[same], atol=0.02)
    # the highest has the colour at the end of the scale
    np.testing.assert_allclose(second[1], first[499])


def test_key(placed):
    ax = cr.pl.embedding(placed, ["Program/0", "Program/1"])[0]
    key = ax.figure.axes[-1]
    assert key.get_xlabel() == "activity" and key.get_ylabel() == "posterior sd"
    (image,) = key.images
    colours = image.get_array()
    left, right, bottom, top = image.get_extent()
    assert left == -right and (bottom, top) == (0, 1)
    np.testing.assert_allclose(colours[-1], np.broadcast_to(to_rgb(UNKNOWN), colours[-1].shape))
    assert colours[0, 0, 2] > colours[0, 0, 0] and colours[0, -1, 0] > colours[0, -1, 2]


def test_size_of_points(placed):
    few = placed[:100].copy()
    many = concat({f"{i}": placed for i in range(10)}, index_unique="-", merge="same", uns_merge="same")
    sizes = [cr.pl.embedding(data, "Program/0").collections[0].get_sizes()[0] for data in (few, placed, many)]
    assert sizes[0] == sizes[1] > 5 * sizes[2] > 0
    assert cr.pl.embedding(placed, "Program/0", size=7).collections[0].get_sizes()[0] == 7


@pytest.mark.parametrize("basis", ["pca", "X_pca"])
def test_basis(placed, basis):
    before = {name: value.copy() for name, value in placed.obsm.items()}
    ax = cr.pl.embedding(placed, "Program/0", basis=basis)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("PCA 1", "PCA 2")
    places = ax.collections[0].get_offsets()
    np.testing.assert_allclose(np.sort(places, axis=0), np.sort(placed.obsm["X_pca"][:, :2], axis=0))
    assert all((placed.obsm[name] == value).all() for name, value in before.items())


def test_place(placed):
    figure, (left, right) = plt.subplots(1, 2)
    assert cr.pl.embedding(placed, "Program/1", ax=right) is right
    assert not left.collections and len(figure.axes) == 3
    with pytest.raises(ValueError, match="ax has room for one program, but 2 were given"):
        cr.pl.embedding(placed, ["Program/1", "Program/0"], ax=left)


def test_bad_input(placed):
    with pytest.raises(KeyError, match="basis='tsne' is not an embedding in adata.obsm, which has 'umap', 'pca'"):
        cr.pl.embedding(placed, "Program/0", basis="tsne")
    with pytest.raises(KeyError, match="'nothing' is not one of the 16 programs"):
        cr.pl.embedding(placed, "nothing")
    with pytest.raises(ValueError, match="programs is empty"):
        cr.pl.embedding(placed, [])
    with pytest.raises(ValueError, match="size=0 must be a number above 0"):
        cr.pl.embedding(placed, "Program/0", size=0)
    with pytest.raises(ValueError, match="n_cols=0"):
        cr.pl.embedding(placed, "Program/0", n_cols=0)
    placed.obsm["X_line"] = placed.obsm["X_umap"][:, :1]
    with pytest.raises(ValueError, match=r"basis='line' has shape \(500, 1\)"):
        cr.pl.embedding(placed, "Program/0", basis="line")
    del placed.obsm["X_umap"], placed.obsm["X_pca"], placed.obsm["X_line"]
    with pytest.raises(KeyError, match="which has none"):
        cr.pl.embedding(placed, "Program/0")
    del placed.obsm["X_programs"]
    with pytest.raises(KeyError, match="no activities under 'X_programs'"):
        cr.pl.embedding(placed, "Program/0")
