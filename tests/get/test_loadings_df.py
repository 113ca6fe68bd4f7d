import anndata as ad
import numpy as np
import pytest

import crystallin as cr


def test_loadings_df(result, model):
    frame = cr.get.loadings_df(result, "Program/2", n_genes=4)
    expected = model.get_loadings()["Program/2"].nlargest(4)
    assert frame["gene"].tolist() == expected.index.tolist()
    np.testing.assert_allclose(frame["loading"], expected)
    assert frame["rank"].tolist() == [1, 2, 3, 4] and set(frame["prior"]) == {1.0}
    whole = cr.get.loadings_df(result)
    assert len(whole) == result.varm["programs"][:, :8].nnz
    result.var["symbol"] = [f"S{i}" for i in range(240)]
    named = cr.get.loadings_df(result, "Program/2", n_genes=4, gene_symbols="symbol")
    assert named["gene"].tolist() == [f"S{gene[1:]}" for gene in frame["gene"]]


def test_free_programs_in_the_order_of_their_names(freed, freed_model, tmp_path):
    name, expected = next(iter(freed_model.get_free_genes().items()))
    assert name.startswith("free 1 (")
    frame = cr.get.loadings_df(freed, name)
    assert frame["gene"].tolist() == expected.index.tolist()
    np.testing.assert_allclose(frame["loading"], expected)
    assert (frame["prior"] == 0).all() and frame["rank"].tolist() == list(range(1, len(expected) + 1))
    assert (np.diff(frame["loading"].abs()) > 0).any()
    both = cr.get.loadings_df(freed, ["Program/2", "free 1"], n_genes=3)
    assert both["program"].tolist() == ["Program/2"] * 3 + ["free 1"] * 3
    assert both["gene"].tolist()[3:] == frame["gene"].tolist()[:3]
    assert cr.get.loadings_df(freed)["program"].nunique() == 4
    assert cr.get.loadings_df(freed, free=True)["program"].unique().tolist()[4:] == freed_model.free_names.tolist()
    freed.write_h5ad(tmp_path / "freed.h5ad")
    again = ad.read_h5ad(tmp_path / "freed.h5ad")
    assert cr.get.loadings_df(again, "free 1")["gene"].tolist() == frame["gene"].tolist()
    # of some genes, those that are left are numbered anew
    few = cr.get.loadings_df(freed[:, expected.index[1:4]], "free 1")
    assert few["gene"].tolist() == expected.index[1:4].tolist() and few["rank"].tolist() == [1, 2, 3]


def test_a_program_may_be_called_like_a_free_one(freed):
    freed.uns["programs"]["names"] = np.array(["free 1", *freed.uns["programs"]["names"][1:]])
    assert (cr.get.loadings_df(freed, "free 1")["prior"] == 1).all()
    assert (cr.get.activity_df(freed, "free 1")["free 1"] == freed.obsm["X_programs"][:, 0]).all()


def test_free_programs_that_are_not_there(freed, result):
    with pytest.raises(KeyError, match="'free 3' is not one of the 8 programs. Did you mean 'free [12]'"):
        cr.get.loadings_df(freed, "free 3")
    with pytest.raises(KeyError, match="'free 1' is not one of the 16 programs"):
        cr.get.loadings_df(result, "free 1")
    with pytest.raises(TypeError, match="programs=5 must be the names of programs"):
        cr.get.activity_df(freed, 5)
