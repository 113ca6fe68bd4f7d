"""Figures of free programs, by their whole or their short names."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import crystallin as cr

BY, KNOWN = "cell_type", "Program/2"


@pytest.fixture
def placed(freed):
    freed.obsm["X_umap"] = np.random.default_rng(0).normal(size=(freed.n_obs, 2))
    return freed


@pytest.fixture(params=["short", "whole"])
def name(request, freed_model):
    return {"short": "free 1", "whole": freed_model.free_names[0]}[request.param]


def means(adata):
    return adata.obsm["X_programs_free"][:, 0], adata.obs[BY].astype(str).to_numpy()


@pytest.mark.parametrize("kind", ["unique", "total"])
@pytest.mark.parametrize("figure", ["dotplot", "matrixplot"])
def test_grids(placed, name, figure, kind):
    ax = getattr(cr.pl, figure)(placed, BY, {"of sets": KNOWN, "free": name}, kind=kind)
    labels = {label.get_text(): place for label, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert labels[name] == 3 and labels[KNOWN] == 1
    activity, groups = means(placed)
    expected = [activity[groups == group].mean() for group in sorted(set(groups))]
    values = np.ma.filled(ax.collections[0].get_array(), np.nan).reshape(-1, len(expected))
    np.testing.assert_allclose(values[-1], expected, rtol=1e-4)
    # not chosen if none is named
    shown = [label.get_text() for label in getattr(cr.pl, figure)(placed, BY, kind=kind).get_yticklabels()]
    assert not [label for label in shown if label.startswith("free")]


def test_violin(placed, name):
    ax = cr.pl.violin(placed, name, BY)
    assert ax.get_title(loc="left").replace("\n", " ") == name
    activity, groups = means(placed)
    drawn = ax.collections[-1].get_offsets()[:, 0]
    np.testing.assert_allclose(drawn, [activity[groups == group].mean() for group in sorted(set(groups))], rtol=1e-4)


def test_embedding(placed, name):
    axes = cr.pl.embedding(placed, [name, KNOWN])
    assert axes[0].get_title().replace("\n", " ") == name and len(axes[0].collections[0].get_offsets()) == 500
    assert isinstance(cr.pl.embedding(placed, name), plt.Axes)


def test_loadings(placed, name, freed_model):
    axes = cr.pl.loadings(placed, [KNOWN, name], n_genes=5)
    assert axes[1].get_title().replace("\n", " ") == name
    expected = freed_model.get_free_genes()[freed_model.free_names[0]].head(5)
    assert [label.get_text() for label in axes[1].get_yticklabels()] == expected.index.tolist()
    np.testing.assert_allclose([bar.get_width() for bar in axes[1].patches], expected)


def test_network(placed, name, freed_model):
    ax = cr.pl.network(placed, name, n_genes=4, n_relatives=0)
    shown = {text.get_text().replace("\n", " ") for text in ax.texts}
    assert {name, *freed_model.get_free_genes()[freed_model.free_names[0]].index[:4]} <= shown
    assert len(cr.pl.network(placed, name).texts) > 5
    assert {name, KNOWN} <= {text.get_text().replace("\n", " ") for text in cr.pl.network(placed, [KNOWN, name]).texts}


def test_the_page_of_a_program_says_what_to_use_instead(placed, name):
    with pytest.raises(ValueError, match=r"is a free program.* crystallin.pl.violin\(adata, 'free 1.*, 'cell_type'\)"):
        cr.pl.program(placed, name, BY)
    assert not plt.get_fignums()
