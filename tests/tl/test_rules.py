import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import crystallin as cr
from crystallin.stats import wilson
from crystallin.tl._learn._held_out import parts_of, resampled
from crystallin.tl._learn._judged import gain, judged, why_not
from crystallin.tl._learn._programs import telling_programs
from crystallin.tl._learn._rule import Term, certainty, learn, picked

RNG = np.random.default_rng


@pytest.fixture
def ruled(result):
    """Activities with a planted rule: a group is Program/0 above 0.5 and Program/1 not above 0."""
    rng = RNG(0)
    names = [str(name) for name in result.uns["programs"]["names"]]
    values = rng.normal(size=(result.n_obs, len(names))).astype(np.float32)
    inside = (values[:, names.index("Program/0")] > 0.5) & (values[:, names.index("Program/1")] <= 0)
    result.obsm["X_programs"] = values
    result.obsm["programs_sd"] = np.full_like(values, 0.2)
    result.obs["group"] = np.where(inside, "in", "out")
    result.obs["donor"] = [f"d{i % 6}" for i in range(result.n_obs)]
    return result


def test_the_planted_rule_is_found(ruled):
    cr.tl.rules(ruled, "group", n_bootstraps=5)
    row = cr.get.rules_df(ruled, "in", columns="all").iloc[0]
    terms = cr.get.rules_df(ruled, "in", terms=True).set_index("program")
    assert terms["direction"].to_dict() == {"Program/0": "above", "Program/1": "not above"}
    assert terms["threshold"].to_numpy() == pytest.approx([0.5, 0.0], abs=0.15)
    assert (terms["recurrence"] == 1).all() and (terms["lower"] <= terms["threshold"] + 0.11).all()
    assert row["precision"] > 0.9 and row["recall"] > 0.9 and row["stability"] > 0.9
    threshold = terms["threshold"]
    assert row["rule"] == f"Program/0 > {threshold['Program/0']:.1f} and Program/1 ≤ {threshold['Program/1']:.1f}"


def test_figures_are_those_of_the_rule_on_held_out_cells(ruled):
    """Worked out again from the text of the rule and the split."""
    cr.tl.rules(ruled, "group", sample_key="donor", n_bootstraps=0)
    params = ruled.uns["rules"]["params"]
    assert len(params["held_out_samples"]) == 2
    unseen = ruled.obs["donor"].isin(list(params["held_out_samples"])).to_numpy()
    activity = cr.get.activity_df(ruled)
    row = cr.get.rules_df(ruled, "in", columns="all").iloc[0]
    chosen = np.ones(ruled.n_obs, dtype=bool)
    for term in row["rule"].split(" and "):
        name, sign, threshold = term.rsplit(" ", 2)
        above = (activity[name] > float(threshold)).to_numpy()
        chosen &= above if sign == ">" else ~above
    inside = (ruled.obs["group"] == "in").to_numpy()
    hits = (chosen & inside & unseen).sum()
    assert row["n_picked"] == (chosen & unseen).sum() and row["n_group"] == (inside & unseen).sum()
    assert row["precision"] == pytest.approx(hits / row["n_picked"])
    assert row["recall"] == pytest.approx(hits / row["n_group"])
    assert row["precision_lower"] < row["precision"] <= row["precision_upper"]
    assert row["support"] == pytest.approx(row["n_picked"] / unseen.sum())
    assert row["prevalence"] == pytest.approx(row["n_group"] / unseen.sum())
    assert np.isnan(row["stability"])


def test_noise_has_no_rule(ruled):
    """What was learned from noise does not hold for cells that were not seen, and is shown only if asked for."""
    ruled.obs["noise"] = RNG(1).choice(["a", "b", "c"], ruled.n_obs)
    cr.tl.rules(ruled, "noise", n_bootstraps=5)
    table = cr.get.rules_df(ruled, columns="all")
    assert (table["rule"] == "").all() and (table[["n_terms", "n_picked", "support"]] == 0).all(axis=None)
    assert table[["precision", "recall", "f1", "gain", "stability"]].isna().all(axis=None)
    assert table["reason"].str.contains("a gain of -0|selects none").all() and len(table) == 3
    assert cr.get.rules_df(ruled, terms=True).empty
    cr.tl.rules(ruled, "noise", min_gain=None, n_bootstraps=5)
    table = cr.get.rules_df(ruled, columns="all")
    assert (table["precision_lower"].dropna() < 0.45).all() and (table["rule"] != "").any()
    assert (table["stability"].dropna() < 0.5).all()


def test_gain_is_of_the_lower_end_over_prevalence(ruled):
    cr.tl.rules(ruled, "group", n_bootstraps=0)
    row = cr.get.rules_df(ruled, "in", columns="all").iloc[0]
    lower = wilson(round(row["precision"] * row["n_picked"]), row["n_picked"])[0]
    assert row["gain"] == pytest.approx((lower - row["prevalence"]) / (1 - row["prevalence"]))
    assert ruled.uns["rules"]["params"]["min_gain"] == 0.2
    assert [gain(share, 0.2) for share in (0.2, 1.0, 0.6, 0.0)] == pytest.approx([0, 1, 0.5, -0.25])
    # at the stated gain a rule is shown, above it the numbers are
    cr.tl.rules(ruled, "group", min_gain=float(row["gain"]), n_bootstraps=0)
    assert cr.get.rules_df(ruled, "in", columns="all")["rule"].tolist() == [row["rule"]]
    cr.tl.rules(ruled, "group", min_gain=min(float(row["gain"]) + 0.001, 1), n_bootstraps=0)
    (reason,) = cr.get.rules_df(ruled, "in", columns="all")["reason"]
    assert reason.startswith(f"the best rule has a precision of {row['precision']:.2f} (at least {lower:.2f}), where")


def test_a_common_group_does_not_pass_by_being_common():
    """Precision .93 is no gain where .9 of the cells belong to the group, and .5 is one where .05 do."""
    rule = (Term(0, True, 0.0),)

    def tested(hits, misses, others_inside, others):
        values = np.repeat([[1.0], [1.0], [-1.0], [-1.0]], [hits, misses, others_inside, others], axis=0)
        inside = np.repeat([True, False, True, False], [hits, misses, others_inside, others])
        return judged(rule, ["P"], values, np.ones_like(values), inside)

    common, rare = tested(279, 21, 621, 79), tested(30, 30, 20, 920)
    assert common["precision"] == 0.93 and rare["precision"] == 0.5
    assert why_not(rare, 0.2) == "" and why_not(common, None) == ""
    assert why_not(common, 0.2) == (
        "the best rule has a precision of 0.93 (at least 0.90), where 0.90 of all cells belong to the group: "
        "a gain of -0.05, below 0.2"
    )
    assert why_not(tested(0, 0, 5, 5), 0.2) == "the best rule selects none of the held-out cells"


def test_housekeeping_is_used_only_if_asked_for(ruled):
    inside = (ruled.obs["group"] == "in").to_numpy()
    table = ruled.uns["programs"]["table"]
    names = [str(name) for name in ruled.uns["programs"]["names"]]
    ruled.obsm["X_programs"][:, names.index("Program/7")] = np.where(inside, 3, -3)
    table["category"] = np.where(table["name"] == "Program/7", "housekeeping", "pathway")
    cr.tl.rules(ruled, "group", n_bootstraps=0)
    assert set(cr.get.rules_df(ruled, "in", terms=True)["program"]) == {"Program/0", "Program/1"}
    cr.tl.rules(ruled, "group", programs=["Program/7", "Program/0"], n_bootstraps=0)
    assert set(cr.get.rules_df(ruled, terms=True)["program"]) == {"Program/7"}
    # without categories, or without any other program, all are used
    known = pd.DataFrame({"category": pd.Categorical(["housekeeping", "state", None])}, index=["a", "b", "c"])
    assert telling_programs(known) == ["b", "c"]
    assert telling_programs(known.iloc[:1]) == ["a"] and telling_programs(known[[]]) == ["a", "b", "c"]


def test_certainty_is_of_the_posterior():
    rule = (Term(0, True, 0.5), Term(1, False, 0.0))
    activity, sd = np.array([[0.5, 0.0], [2.5, -2.0], [0.5, -9.0]]), np.ones((3, 2))
    np.testing.assert_allclose(certainty(rule, activity, sd), [0.25, 0.97725**2, 0.5], atol=1e-5)
    assert picked(rule, activity).tolist() == [False, True, False]
    # what is known exactly is certain
    assert certainty(rule, np.array([[1.0, -1.0]]), np.zeros((1, 2)))[0] == pytest.approx(1)


def test_no_longer_than_needed():
    values = RNG(0).normal(size=(600, 5))
    rule = learn(values, values[:, 2] > 0.31, np.ones(600), 3, 0)
    assert rule == (Term(2, True, 0.3),)


def test_as_good_as_the_tree_it_comes_from():
    """F1 of the rule against that of the best leaf of scikit-learn's own tree."""
    rng = RNG(0)
    values = rng.normal(size=(800, 4))
    inside = (values[:, 0] + 0.3 * rng.normal(size=800) > 0.8) & (values[:, 1] > -0.5)
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=2, random_state=0).fit(values, inside)
    leaves = tree.apply(values)

    def f1(chosen):
        return 2 * (chosen & inside).sum() / (chosen.sum() + inside.sum())

    rule = learn(values, inside, np.ones(800), 3, 0)
    assert f1(picked(rule, values)) > max(f1(leaves == leaf) for leaf in set(leaves)) - 0.03


def test_weights_are_cells(ruled):
    """A cell of weight 3 counts as three cells."""
    rng = RNG(2)
    values = rng.normal(size=(200, 3))
    inside = values[:, 0] + rng.normal(size=200) > 0.5
    weight = rng.integers(1, 4, 200)
    repeated = np.repeat(np.arange(200), weight)
    assert learn(values, inside, weight.astype(float), 2, 0) == learn(
        values[repeated], inside[repeated], np.ones(len(repeated)), 2, 0
    )


def test_split_keeps_groups_and_samples_apart():
    group, sample = np.repeat([0, 1, 2], [500, 60, 30]), np.array([f"s{i % 5}" for i in range(590)])
    cells = parts_of(group, None, 1 / 3, 100, RNG(0))
    assert not set(cells.learned) & set(cells.held_out)
    assert np.bincount(group[cells.held_out]).tolist() == [167, 20, 10]
    # as evenly as can be, and weighted to the numbers there are
    assert np.bincount(group[cells.learned]).tolist() == [40, 40, 20]
    np.testing.assert_allclose(np.bincount(group[cells.learned], cells.weight), [333, 40, 20])
    samples = parts_of(group, sample, 0.4, 10_000, RNG(0))
    assert set(sample[samples.held_out]) == set(samples.held_out_samples) and len(samples.held_out_samples) == 2
    assert not set(sample[samples.learned]) & set(samples.held_out_samples)
    weights = resampled(samples, RNG(1))
    for name in set(sample[samples.learned]):
        assert len(set(weights[sample[samples.learned] == name])) == 1


def test_groups_that_are_too_small(ruled):
    ruled.obs["tiny"] = ["one" if i == 0 else f"rest {i % 2}" for i in range(ruled.n_obs)]
    cr.tl.rules(ruled, "tiny", n_bootstraps=2)
    row = cr.get.rules_df(ruled, "one", columns="all").iloc[0]
    assert row["rule"] == "" and "cell(s) to learn from" in row["reason"] and np.isnan(row["precision"])
    assert cr.get.rules_df(ruled, columns="all").shape[0] == 3


def test_programs_wanted_and_decoys(ruled):
    cr.tl.rules(ruled, "group", programs=["Program/3", "Program/0"], n_bootstraps=0)
    assert set(cr.get.rules_df(ruled, terms=True)["program"]) <= {"Program/3", "Program/0"}
    ruled.obs["by decoy"] = np.where(ruled.obsm["X_programs"][:, -1] > 0, "a", "b")
    cr.tl.rules(ruled, "by decoy", n_bootstraps=0)
    real = set(cr.get.programs_df(ruled, columns="all").index)
    assert set(cr.get.rules_df(ruled, terms=True)["program"]) <= real


def test_reproducible_and_written(ruled, tmp_path):
    copied = cr.tl.rules(ruled, "group", n_bootstraps=2, copy=True)
    assert "rules" not in ruled.uns
    cr.tl.rules(ruled, "group", n_bootstraps=2)
    pd.testing.assert_frame_equal(cr.get.rules_df(ruled, columns="all"), cr.get.rules_df(copied, columns="all"))
    ruled.write_h5ad(tmp_path / "r.h5ad")
    again = ad.read_h5ad(tmp_path / "r.h5ad")
    assert (
        cr.get.rules_df(again, columns="all")["rule"].tolist() == cr.get.rules_df(ruled, columns="all")["rule"].tolist()
    )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"groupby": "nothing"}, KeyError, "is not a column"),
        ({"groupby": "age"}, ValueError, "holds numbers"),
        ({"max_terms": 0}, ValueError, "max_terms"),
        ({"min_gain": 1.5}, ValueError, "min_gain=1.5 must be a number of at least 0 and at most 1"),
        ({"min_gain": "no"}, ValueError, "min_gain='no'"),
        ({"held_out": 0}, ValueError, "held_out"),
        ({"held_out": 1e-6}, ValueError, "leaves no cells"),
        ({"sample_key": "same"}, ValueError, "only one sample"),
        ({"programs": ["missing"]}, KeyError, "is not one of"),
        ({"key": "missing"}, KeyError, "no programs"),
        ({"kind": "both"}, ValueError, "kind='both' is not one of 'unique', 'total'"),
    ],
)
def test_bad_input(ruled, arguments, error, match):
    ruled.obs["same"] = "one"
    with pytest.raises(error, match=match):
        cr.tl.rules(ruled, **{"groupby": "group", **arguments})
    assert "rules" not in ruled.uns


def test_five_hundred_groups(ruled):
    ruled = ad.concat([ruled] * 6, merge="same", uns_merge="same", index_unique="-")
    ruled.obs["many"] = [f"group {i % 500}" for i in range(ruled.n_obs)]
    cr.tl.rules(ruled, "many", max_terms=1, n_bootstraps=0)
    assert len(cr.get.rules_df(ruled, columns="all")) == 500


def test_rules_on_totals(ruled, exchanged, earlier):
    options = {"n_bootstraps": 2, "sample_key": "donor"}
    ruled = exchanged(ruled)
    cr.tl.rules(ruled, "group", kind="total", **options)
    other = exchanged(ruled)
    cr.tl.rules(other, "group", **options)
    for terms in (False, True):
        pd.testing.assert_frame_equal(cr.get.rules_df(ruled, terms=terms), cr.get.rules_df(other, terms=terms))
    params = ruled.uns["rules"]["params"], other.uns["rules"]["params"]
    assert params[0] == params[1] | {"kind": "total"} and params[1]["kind"] == "unique"
    assert set(cr.get.rules_df(ruled, "in", terms=True)["program"]) == {"Program/0", "Program/1"}
    old = earlier(other)
    with pytest.raises(KeyError, match="no total activities under 'X_programs_total'"):
        cr.tl.rules(old, "group", kind="total", key_added="mine")
    assert "mine" not in old.uns
