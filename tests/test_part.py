"""Models of some genes of the data: every tool reads and writes data that have more."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import crystallin as cr

from ._contents import contents
from .test_unchanged import TOOLS


@pytest.fixture
def narrow(_planted, model):
    """Data with the genes of the model, and its results."""
    adata = _planted.adata[:90].copy()
    adata.obs["donor"] = [f"d{i % 6}" for i in range(adata.n_obs)]
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    return adata


@pytest.fixture
def wide(narrow, model):
    """The same cells with more genes, in another order."""
    rng = np.random.default_rng(1)
    more = sparse.csr_matrix(rng.poisson(1.0, (narrow.n_obs, 60)).astype(np.float32))
    counts = sparse.hstack([more[:, :20], narrow.X[:, ::-1], more[:, 20:]]).tocsr()
    names = [*(f"other{i}" for i in range(20)), *narrow.var_names[::-1], *(f"other{i}" for i in range(20, 60))]
    adata = type(narrow)(counts, obs=narrow.obs.copy(), var=pd.DataFrame(index=names))
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    return adata


def on_genes(adata, genes):
    """Results in ``adata``, with arrays of genes in the order of ``genes``."""
    rows = adata.var_names.get_indexer(genes)
    found = {slot: value.toarray() if sparse.issparse(value) else value for slot, value in adata.varm.items()}
    return {slot: value[rows] for slot, value in found.items()}


@pytest.mark.parametrize("name", [name for name in TOOLS if name != "rules"])
def test_tools_write_the_same_whatever_other_genes_there_are(name, narrow, wide, model):
    tool, _ = TOOLS[name]
    tool(narrow, model)
    before = contents(wide)
    copied = tool(wide, model, copy=True)
    assert contents(wide) == before
    tool(wide, model)
    for adata in (wide, copied):
        assert set(adata.uns) == set(narrow.uns) and set(adata.obsm) == set(narrow.obsm)
        pd.testing.assert_frame_equal(adata.obs, narrow.obs)
        for slot, values in narrow.obsm.items():
            np.testing.assert_allclose(adata.obsm[slot], values, rtol=1e-5, atol=1e-6)
        arrays = on_genes(adata, narrow.var_names)
        assert arrays.keys() == narrow.varm.keys()
        for slot, values in on_genes(narrow, narrow.var_names).items():
            np.testing.assert_allclose(arrays[slot], values, rtol=1e-5, atol=1e-6)
        if "table" in narrow.uns.get(name, ()):
            pd.testing.assert_frame_equal(adata.uns[name]["table"], narrow.uns[name]["table"], rtol=1e-4, atol=1e-5)


def test_other_genes_have_no_loadings_and_no_attributions(wide, model):
    cr.tl.attributions(wide, model, groupby="cell_type")
    others = wide.var_names.str.startswith("other")
    assert (wide.varm["programs_loadings"][others] == 0).all() and wide.varm["programs"][others].nnz == 0
    assert np.isnan(wide.varm["attributions"][others]).all()
    assert not cr.get.attributions_df(wide)["gene"].str.startswith("other").any()


def test_a_model_that_lacks_genes_of_its_own_is_refused(narrow, model):
    with pytest.raises(ValueError, match="lacks 1 of the model's"):
        cr.tl.activity(narrow[:, 1:].copy(), model)
    few = narrow[:, 1:].copy()
    few.var_names = [f"{name}x" if i == 5 else name for i, name in enumerate(few.var_names)]
    with pytest.raises(ValueError, match="lacks"):
        cr.tl.loadings(few, model)


@pytest.fixture(scope="module")
def _selected(_planted):
    adata = _planted.adata.copy()
    # the sets hold half of the genes
    sets = dict(list(_planted.sets.items())[:4])
    options = {"batch_key": "batch", "max_epochs": 2, "enable_progress_bar": False}
    model = cr.fit(adata, sets, n_top_genes=60, **options)
    by_hand = _planted.adata[:, adata.var["selected"]].copy()
    other = cr.fit(by_hand, sets, **options)
    return adata, model, by_hand, other


def test_fit_is_the_same_as_after_a_selection_by_hand(_selected, _planted):
    adata, model, by_hand, other = _selected
    assert adata.n_vars == _planted.adata.n_vars and 60 < len(model.genes) < adata.n_vars
    assert model.digest == other.digest and list(model.genes) == list(by_hand.var_names)
    assert set(adata.obs) == set(_planted.adata.obs) and not any("_scvi" in name for name in adata.uns)
    for slot in by_hand.obsm:
        np.testing.assert_array_equal(adata.obsm[slot], by_hand.obsm[slot])
    pd.testing.assert_frame_equal(cr.get.loadings_df(adata), cr.get.loadings_df(by_hand))


def test_tools_take_the_data_that_fit_was_given(_selected):
    adata, model, by_hand, other = _selected
    cr.tl.attributions(adata, model, groupby="cell_type")
    cr.tl.attributions(by_hand, other, groupby="cell_type")
    pd.testing.assert_frame_equal(cr.get.attributions_df(adata), cr.get.attributions_df(by_hand))


def test_counts_of_the_training_are_read_even_if_the_data_were_normalised(_planted):
    adata = _planted.adata.copy()
    model = cr.fit(adata, _planted.sets, n_top_genes=30, max_epochs=1, enable_progress_bar=False)
    before = adata.obsm["X_programs"].copy()
    adata.X = np.log1p(adata.X)
    cr.tl.activity(adata, model)
    np.testing.assert_array_equal(adata.obsm["X_programs"], before)
    with pytest.raises(ValueError, match="raw counts"):
        cr.tl.activity(adata.copy(), model)
    again = pickle.loads(pickle.dumps(model))
    assert again.digest == model.digest


def test_an_error_in_fit_leaves_the_data_as_they_were(_planted):
    adata = _planted.adata.copy()
    before = contents(adata)
    for bad in ({"n_top_genes": 0}, {"n_top_genes": {"n_genes": 5}}, {"n_top_genes": 10, "size_factor_key": "no"}):
        with pytest.raises((ValueError, KeyError)):
            cr.fit(adata, _planted.sets, **bad)
        assert contents(adata) == before
    with pytest.raises(ValueError, match="lr"):
        cr.fit(adata, _planted.sets, n_top_genes=10, plan_kwargs={"lr": -1.0})
    assert contents(adata) == before
