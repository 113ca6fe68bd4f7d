"""Means and intervals of groups, against scipy."""

import numpy as np
import pandas as pd
from scipy import stats

from crystallin.pl._group_means import group_means, labels_of


def test_t_interval_over_rows():
    rng = np.random.default_rng(0)
    values = pd.DataFrame(rng.normal(size=(30, 2)).astype(np.float32), columns=["one", "two"])
    labels = pd.Series(["b"] * 4 + ["a"] * 25 + ["alone"])
    means = group_means(values, labels, ["b", "alone", "a"])
    assert list(means.mean.index) == list(means.half.index) == ["b", "alone", "a"]
    for group in ("a", "b"):
        part = values[(labels == group).to_numpy()].astype(float)
        lower, upper = stats.t.interval(0.95, len(part) - 1, part.mean(), stats.sem(part))
        np.testing.assert_allclose(means.mean.loc[group] - means.half.loc[group], lower, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(means.mean.loc[group] + means.half.loc[group], upper, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(means.sd.loc[group], part.std(), rtol=1e-4)
    # of a single one
    np.testing.assert_allclose(means.mean.loc["alone"], values.iloc[-1])
    assert means.sd.loc["alone"].isna().all() and means.half.loc["alone"].isna().all()


def test_labels_come_in_the_order_of_their_categories(result):
    order = ["type 2", "type 0", "nobody", "type 1"]
    result.obs["cell_type"] = result.obs["cell_type"].cat.set_categories(order)
    labels, groups = labels_of(result, "cell_type", "groupby")
    assert groups == ["type 2", "type 0", "type 1"]
    assert labels.tolist() == result.obs["cell_type"].astype(str).tolist()
    result.obs["number"] = np.arange(result.n_obs) % 3
    assert labels_of(result, "number", "groupby")[1] == ["0", "1", "2"]
