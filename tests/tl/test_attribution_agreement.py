import numpy as np
import pytest

import crystallin as cr
from crystallin.stats import rank_biased_overlap

PROGRAM, OTHER = "Program/2", "Program/5"


METHODS = ["activity/contributions", "encoder/integrated_gradients", "loadings"]


def test_agreement(result, model):
    cr.tl.attribution_agreement(result, model, "cell_type", methods=METHODS, programs=[PROGRAM, OTHER], n_top=15)
    pairs = cr.get.attribution_agreement_df(result)
    assert len(pairs) == 3 * 2 * 3 and pairs["rbo"].between(0, 1).all() and pairs["kendall"].between(-1, 1).all()
    consensus = cr.get.attribution_agreement_df(result, PROGRAM, "type 1", what="consensus")
    assert consensus["rank"].tolist() == list(range(1, 16)) and (np.diff(consensus["p"]) >= 0).all()
    assert consensus["member"].head(8).mean() > 0.8 and consensus["n_methods"].iloc[0] == 3
    assert not len(cr.get.attribution_agreement_df(result, what="spread"))
    # by hand: ranked by size, so that what lowers an activity counts as much
    place = model.program_names.tolist().index(PROGRAM)
    groups = result.obs["cell_type"].astype(str).to_numpy()
    one = model.get_attributions(groups=groups, method="contributions")[1, :, place]
    orders = [np.argsort(-np.abs(values)) for values in (one, model.get_loadings()[PROGRAM].to_numpy())]
    pair = pairs[pairs["program"].eq(PROGRAM) & pairs["group"].eq("type 1") & pairs["method_b"].eq("loadings")]
    found = pair.set_index("method_a")["rbo"]["activity/contributions"]
    assert found == pytest.approx(rank_biased_overlap(*orders, 0.9), abs=1e-3)
    # a ranking agrees with itself
    same = ["activity/contributions", "encoder/integrated_gradients", "encoder/deeplift"]
    cr.tl.attribution_agreement(result, model, "cell_type", methods=same, programs=[PROGRAM])
    pairs = cr.get.attribution_agreement_df(result)
    np.testing.assert_allclose(pairs.loc[pairs["method_b"].eq(same[2]) & pairs["method_a"].eq(same[1]), "rbo"], 1)


def test_spread_over_baselines_and_seeds(result, model, quick):
    other = quick(result.copy(), epochs=3)
    cr.tl.attribution_agreement(
        result, model, "cell_type", methods=METHODS, programs=[PROGRAM], baselines=["group:type 0", "zero"],
        retrained=[model, other], max_cells=40,
    )  # fmt: skip
    spread = cr.get.attribution_agreement_df(result, what="spread")
    over = spread.groupby("over")["method"].unique().apply(sorted)
    # what has no baseline does not hang on it
    assert over["baseline"] == ["encoder/integrated_gradients"] and over["seed"] == sorted(METHODS)
    assert (spread["rbo_min"] <= spread["rbo_mean"]).all() and (spread["rbo_min"] < 1).any()
