import numpy as np

import crystallin as cr

PROGRAM, OTHER = "Program/2", "Program/5"


METHODS = ["activity/contributions", "encoder/integrated_gradients", "loadings"]


def test_faithfulness(result, model):
    cr.tl.faithfulness(
        result, model, methods=METHODS, programs=[PROGRAM, OTHER], n_genes=(1, 5, 20, 999), n_random=5, max_cells=40
    )
    table = cr.get.faithfulness_df(result, PROGRAM)
    left = table.pivot(index="method", columns="n_genes", values="deletion")
    brought = table.pivot(index="method", columns="n_genes", values="insertion")
    # all genes as expected: nothing is left; all as they are: everything is there
    np.testing.assert_allclose(left[240], 0, atol=0.02)
    np.testing.assert_allclose(brought[240], 1, atol=0.02)
    for method in METHODS:
        assert left.loc[method, 20] < 0.5 < 0.7 < left.loc["random order", 20]
        assert brought.loc[method, 20] > brought.loc["random order", 20] + 0.3
    bad = table.groupby("method")["infidelity"].first()
    assert bad["activity/contributions"] < 0.05 and np.isnan(bad["random order"])
