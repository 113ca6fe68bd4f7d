import numpy as np

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
