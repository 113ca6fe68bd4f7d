"""Studies: arms, samples of donors, and donors that are not alike."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

SMALL = {"n_obs": 400, "n_vars": 300, "n_programs": 12, "n_decoys": 6, "program_size": (10, 30)}
STUDY = {"arms": ("placebo", "drug", "both"), "conditions": ("before", "after"), "n_donors": 9, "n_shifted": 2}
NEW = {"sample_sd": 0.3, "donor_correlation": 0.5, "n_outlier_donors": 1, "cells_sd": 0.5}
# one type, no effects of donors: differences of means are exact
MANY_EFFECTS = {"n_obs": 800, "n_programs": 100, "n_decoys": 0, "n_shifted": 0, "n_cell_types": 1}


def simulate(**options):
    return cr.datasets.simulate(**{**SMALL, **options})


def shifts(adata):
    return adata.uns["simulation"]["shifts"]


def dimensions(adata):
    return adata.uns["simulation"]["dimensions"]["name"].to_numpy()


def difference(one, other):
    """What is added to the activities of the same cells, by name of the dimension."""
    pd.testing.assert_frame_equal(one.obs[["donor", "cell_type"]], other.obs[["donor", "cell_type"]])
    added = one.obsm["true_activity"].astype(float) - other.obsm["true_activity"]
    return pd.DataFrame(added, one.obs_names, dimensions(one))


def effects(by, **options):
    """Mean effects, one row per group of ``by``: activities beside those of the same cells without the effects."""
    without = simulate(**options | {"donor_sd": 0, "sample_sd": 0})
    added = difference(simulate(**options), without)
    groups = [without.obs[key].astype(str).to_numpy() for key in by]
    assert added.groupby(groups).std().fillna(0).to_numpy().max() < 1e-5
    return added.groupby(groups).mean()


def donors_in(adata, *keys):
    return adata.obs.drop_duplicates("donor").groupby(list(keys), observed=False).size()


# ------------------------------------------------------------------------------------------------ same draws


def test_streams_of_earlier_versions():
    """Draws of donors and cells are what the first generators give, whatever else was added since."""
    adata, without = (simulate(n_donors=5, donor_sd=sd, conditions=("a", "b"), n_shifted=0) for sd in (0.5, 0))
    effect_rng, cell_rng = np.random.default_rng(0).spawn(8)[4:6]
    cell_rng.permutation(400)
    sample = cell_rng.permutation(np.arange(400) % 10)
    np.testing.assert_array_equal(adata.obs["donor"].cat.codes, sample // 2)
    np.testing.assert_array_equal(adata.obs["condition"].cat.codes, sample % 2)
    donor = 0.5 * effect_rng.spawn(4)[2].standard_normal((5, 8, 12))
    added = difference(adata, without).to_numpy()
    np.testing.assert_allclose(added, donor[sample // 2, adata.obs["cell_type"].cat.codes], atol=1e-5)
    depth = 500 * np.exp(0.4 * cell_rng.standard_normal(400))
    np.testing.assert_array_equal(adata.obs["depth"], depth)


@pytest.mark.parametrize(
    "added",
    [
        {"arms": ("x", "y")},
        {"arms": ("x", "y"), "n_arm_shifted": 3},
        {"arms": ("x", "y"), "n_interacting": 3},
        {"sample_sd": 0.5},
        {"donor_correlation": 0.5},
        {"n_outlier_donors": 1},
        {"cells_sd": 1.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("paired", [True, False])
def test_what_was_not_asked_for_stays(added, paired):
    options = {"conditions": ("a", "b"), "n_donors": 8, "n_batches": 2, "n_shifted": 3, "paired": paired}
    old, new = simulate(**options), simulate(**options, **added)
    for slot in ("true_loadings", "true_batch_effect"):
        np.testing.assert_array_equal(old.varm[slot], new.varm[slot])
    for name in ("dimensions", "annotation", "sets", "edges"):
        pd.testing.assert_frame_equal(old.uns["simulation"][name], new.uns["simulation"][name])
    everywhere = shifts(new)[shifts(new)["arm"] == ""]
    pd.testing.assert_frame_equal(shifts(old), everywhere)
    columns = ["cell_type", "batch", "depth", "held_out"]
    columns += [] if "cells_sd" in added else ["donor", "condition", "sample"]
    pd.testing.assert_frame_equal(old.obs[columns], new.obs[columns])
    if added == {"arms": ("x", "y")}:
        np.testing.assert_array_equal(old.obsm["true_activity"], new.obsm["true_activity"])
        assert (old.X != new.X).nnz == 0


def test_no_arms():
    adata = simulate(conditions=("a", "b"))
    assert "arm" not in adata.obs and len(shifts(adata)) and (shifts(adata)["arm"] == "").all()
    assert list(shifts(simulate())) == ["condition", "arm", "cell_type", "program", "dimension", "shift"]


# ------------------------------------------------------------------------------------------------ arms


def test_arms_of_repeated_samples():
    adata = simulate(**STUDY)
    assert list(adata.obs["arm"].cat.categories) == ["placebo", "drug", "both"]
    assert (donors_in(adata, "arm") == 3).all()
    of_donor = adata.obs.groupby("donor", observed=True)
    assert (of_donor["arm"].nunique() == 1).all() and (of_donor["condition"].nunique() == 2).all()
    # in turn, the reference first
    assert of_donor["arm"].first().tolist() == ["placebo", "drug", "both"] * 3


@pytest.mark.parametrize("n_arms", [2, 3, 4])
@pytest.mark.parametrize("n_conditions", [1, 2, 3, 6])
@pytest.mark.parametrize("more", [0, 1, 2, 5])
def test_arms_and_conditions_are_crossed_evenly(n_arms, n_conditions, more):
    adata = simulate(
        arms=[f"arm {i}" for i in range(n_arms)],
        conditions=[f"condition {i}" for i in range(n_conditions)],
        n_donors=n_arms * n_conditions + more,
        paired=False,
        n_shifted=0,
    )
    assert (adata.obs.groupby("donor", observed=True)[["arm", "condition"]].nunique() == 1).all().all()
    for keys in (["arm"], ["condition"], ["arm", "condition"]):
        counts = donors_in(adata, *keys)
        assert counts.min() >= 1 and counts.max() - counts.min() <= 1, keys


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("shift", [0.7, (0.3, 0.9)])
def test_differences_are_those_of_the_table(paired, shift):
    """Written anew: activities beside those without shifts, in each arm, condition and cell type."""
    shared = {**STUDY, "paired": paired, "shift": shift, "n_cell_types": 4, "rare_fraction": 0}
    adata = simulate(**shared, n_arm_shifted=4, n_interacting=3)
    without = simulate(**shared | {"n_shifted": 0})
    added = difference(adata, without)
    found = added.groupby([without.obs[key].astype(str).to_numpy() for key in ("arm", "condition", "cell_type")]).mean()
    expected = found * 0
    for row in shifts(adata).itertuples():
        for arm in [row.arm] if row.arm else STUDY["arms"]:
            for condition in [row.condition] if row.condition else STUDY["conditions"]:
                expected.loc[(arm, condition, row.cell_type), row.dimension] += row.shift
    assert len(found) == 24
    np.testing.assert_allclose(found, expected, atol=1e-5)

    # in words: the difference in differences is the interaction, and that before treatment is the arm's
    arms_alone, both = (shifts(adata)["condition"] == "", (shifts(adata)[["arm", "condition"]] != "").all(axis=1))
    change = found.xs("after", level=1) - found.xs("before", level=1)
    for arm in ("drug", "both"):
        for rows, contrast in (
            (both, change.loc[arm] - change.loc["placebo"]),
            (arms_alone, found.loc[(arm, "before")] - found.loc[("placebo", "before")]),
        ):
            wanted = shifts(adata)[rows & (shifts(adata)["arm"] == arm)]
            table = wanted.pivot(index="cell_type", columns="dimension", values="shift")
            table = table.reindex(index=contrast.index, columns=contrast.columns).fillna(0)
            np.testing.assert_allclose(contrast, table, atol=1e-5)


def test_numbers_sizes_and_types_of_shifts():
    study = {**STUDY, "conditions": ("before", "after", "later"), "shift": (0.3, 0.9), "n_cell_types": 8}
    table = shifts(simulate(**study, n_arm_shifted=4, n_interacting=3, shifted_types_fraction=0.25))
    groups = table.groupby(["arm", "condition"])
    assert groups["dimension"].nunique().to_dict() == {
        ("", "after"): 2,
        ("", "later"): 2,
        **{(arm, ""): 4 for arm in ("drug", "both")},
        **{(arm, condition): 3 for arm in ("drug", "both") for condition in ("after", "later")},
    }
    in_types = table.groupby(["arm", "condition", "dimension"])
    assert (in_types.size() == 2).all() and (in_types["shift"].nunique() == 1).all()
    assert table["shift"].abs().between(0.3, 0.9).all() and set(np.sign(table["shift"])) == {-1, 1}
    assert len(set(groups["dimension"].agg(frozenset))) > 1
    gated = simulate(**study, n_arm_shifted=6, n_interacting=6, n_gated=3)
    kinds = gated.uns["simulation"]["dimensions"]
    assert not set(shifts(gated)["dimension"]) & {*kinds.loc[kinds["kind"] == "gated", "name"], *kinds["gate"]}


def test_arms_can_differ_without_a_second_condition():
    adata = simulate(arms=("control", "treated"), n_donors=4, n_arm_shifted=3)
    table = shifts(adata)
    assert set(table["condition"]) == {""} and set(table["arm"]) == {"treated"} and table["dimension"].nunique() == 3
    assert (table.groupby("dimension").size() == 4).all()


def test_additive_usage_is_softplus_with_all_effects():
    options = {**STUDY, **NEW, "n_arm_shifted": 2, "n_interacting": 2}
    z, usage = (simulate(arm=arm, **options).obsm["true_activity"] for arm in ("log-additive", "additive-rate"))
    np.testing.assert_allclose(usage, np.logaddexp(z, 0), rtol=1e-5)


# ------------------------------------------------------------------------------------------------ donors and samples


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_variances_of_donors_and_samples(correlation):
    """Analysis of variance: samples differ by 2 sample_sd² within a donor, means of two by donor_sd² + sample_sd²/2."""
    options = {**MANY_EFFECTS, "conditions": ("a", "b"), "n_donors": 60, "donor_correlation": correlation}
    found = effects(["donor", "condition"], donor_sd=0.6, sample_sd=0.3, **options)
    first, second = found.xs("a", level=1), found.xs("b", level=1)
    np.testing.assert_allclose((first - second).to_numpy().var(), 2 * 0.3**2, rtol=0.15)
    np.testing.assert_allclose(((first + second) / 2).to_numpy().var(), 0.6**2 + 0.3**2 / 2, rtol=0.15)
    only_donors = effects(["donor"], donor_sd=0.6, **options)
    np.testing.assert_allclose(only_donors.to_numpy().std(), 0.6, rtol=0.15)


def test_effects_of_samples_differ_by_type():
    options = {**MANY_EFFECTS, "n_cell_types": 2, "rare_fraction": 0, "n_donors": 20, "sample_sd": 0.4, "donor_sd": 0}
    found = effects(["donor", "cell_type"], **options)
    first, second = found.xs("type_01", level=1).to_numpy().ravel(), found.xs("type_02", level=1).to_numpy().ravel()
    np.testing.assert_allclose([first.std(), second.std()], 0.4, rtol=0.05)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


@pytest.mark.parametrize("of", ["donor_sd", "sample_sd"])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8, 1.0])
def test_donor_correlation(of, correlation):
    sizes = {"donor_sd": 0.0, "sample_sd": 0.0, of: 0.5}
    options = {**MANY_EFFECTS, "n_programs": 30, "n_donors": 400, **sizes}
    found = np.corrcoef(effects(["donor"], donor_correlation=correlation, **options).T)
    pairs = found[np.triu_indices(30, 1)]
    # signs of pairs are random, so that the mean square tells the size; estimates add their own variance to it
    sampling = (1 - correlation**2) ** 2 / 400
    assert np.mean(pairs**2) - sampling == pytest.approx(correlation**2, abs=0.03 * (correlation > 0) + 0.002)
    if correlation >= 0.3:
        signs = np.sign(found[0])
        assert (np.sign(found) == np.outer(signs, signs)).mean() > 0.98 and len(set(signs)) == 2


def test_donors_and_samples_lie_on_the_same_axis():
    options = {**MANY_EFFECTS, "n_programs": 30, "n_donors": 100, "donor_correlation": 1}
    of_donors = effects(["donor"], donor_sd=0.5, sample_sd=0, **options).iloc[0]
    of_samples = effects(["donor"], donor_sd=0, sample_sd=0.5, **options).iloc[0]
    assert abs(np.corrcoef(of_donors, of_samples)[0, 1]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("factor", [0.0, 5.0])
def test_outliers(factor):
    options = {"n_donors": 6, "conditions": ("a", "b"), "sample_sd": 0.1, "n_cell_types": 2, "rare_fraction": 0}
    by = ["donor", "condition", "cell_type"]
    usual = effects(by, **options)
    found = effects(by, **options, n_outlier_donors=2, outlier_factor=factor)
    is_outlier = usual.index.get_level_values(0).isin(["donor_05", "donor_06"])
    np.testing.assert_allclose(found[~is_outlier], usual[~is_outlier], atol=1e-6)
    np.testing.assert_allclose(found[is_outlier], factor * usual[is_outlier], atol=1e-5)
    assert is_outlier.sum() == 8


def test_a_single_sample_has_no_effect_of_its_own():
    assert np.array_equal(simulate(sample_sd=1.0).obsm["true_activity"], simulate().obsm["true_activity"])
    # one donor in two conditions has two samples
    options = {"conditions": ("a", "b"), "n_shifted": 0}
    assert not np.array_equal(
        simulate(sample_sd=1.0, **options).obsm["true_activity"], simulate(**options).obsm["true_activity"]
    )


@pytest.mark.parametrize("paired", [True, False])
def test_cells_of_samples(paired):
    options = {"n_obs": 40_000, "n_vars": 80, "n_programs": 2, "n_decoys": 0, "program_size": (5, 10), "n_shifted": 0}
    options |= {"depth": 5, "conditions": ("a", "b"), "paired": paired, "n_donors": 100 if paired else 200}
    numbers = simulate(cells_sd=0.7, **options).obs["sample"].value_counts()
    assert len(numbers) == 200 and numbers.sum() == 40_000
    assert np.log(numbers).std() == pytest.approx(0.7, rel=0.1)
    assert simulate(**options).obs["sample"].value_counts().eq(200).all()


def test_every_sample_keeps_a_cell():
    adata = simulate(n_obs=60, n_donors=25, conditions=("a", "b"), cells_sd=50)
    numbers = adata.obs["sample"].value_counts()
    assert len(numbers) == 50 and numbers.min() == 1 and numbers.max() == 11
    assert simulate(n_obs=50, n_donors=25, conditions=("a", "b"), cells_sd=1).obs["sample"].value_counts().eq(1).all()


# ------------------------------------------------------------------------------------------------ files and bad input


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_survives_files(tmp_path, extension):
    studies = [simulate(**STUDY, **NEW, n_arm_shifted=2, n_interacting=1), simulate()]
    for i, adata in enumerate(studies):
        path = tmp_path / f"{i}.{extension}"
        getattr(adata, f"write_{extension}")(path)
        back = getattr(ad, f"read_{extension}")(path)
        assert shifts(back).to_dict("list") == shifts(adata).to_dict("list")
        params = back.uns["simulation"]["params"]
        assert list(params["arms"]) == (list(STUDY["arms"]) if i == 0 else [])
        for name in ("n_arm_shifted", "n_interacting", *NEW, "outlier_factor"):
            assert params[name] == adata.uns["simulation"]["params"][name]
        assert list(back.obs) == list(adata.obs) and ("arm" in back.obs) == (i == 0)


def test_arms_as_lists_and_arrays():
    wanted = simulate(**STUDY)
    for arms in (list(STUDY["arms"]), np.array(STUDY["arms"]), pd.Index(STUDY["arms"])):
        pd.testing.assert_frame_equal(simulate(**STUDY | {"arms": arms}).obs, wanted.obs)
    for arms in ([], np.array([])):
        pd.testing.assert_frame_equal(simulate(arms=arms).obs, simulate().obs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arms": "drug"}, "arms='drug' must be a sequence of names"),
        ({"arms": ""}, "arms='' must be a sequence of names"),
        ({"arms": None}, "arms=None must be a sequence of names"),
        ({"arms": 2}, "arms=2 must be a sequence of names"),
        ({"arms": ("a", 1)}, "arms=.* must be a sequence of names"),
        ({"arms": {"a", "b"}}, "arms=.* is a set, which has no order"),
        ({"arms": ("a", "a")}, "arms=.* holds a name twice; give each arm its own"),
        ({"arms": ("a",)}, "arms=.* names one arm"),
        ({"conditions": 3}, "conditions=3 must be a sequence of names"),
        ({"arms": ("a", "b"), "n_donors": 1}, "n_donors=1 is fewer than the 2 arms.*raise n_donors"),
        (
            {"arms": ("a", "b"), "conditions": ("c", "d"), "n_donors": 3, "paired": False},
            "n_donors=3 is fewer than the 4 combinations of arm and condition",
        ),
        ({"n_arm_shifted": 1}, r"n_arm_shifted=1 needs arms, but arms=\(\) is empty"),
        ({"n_interacting": 1, "conditions": ("a", "b")}, r"n_interacting=1 needs arms, but arms=\(\) is empty"),
        ({"arms": ("a", "b"), "n_donors": 2, "n_interacting": 1}, "n_interacting=1 needs at least two conditions"),
        ({"arms": ("a", "b"), "n_donors": 2, "n_arm_shifted": 13}, "n_arm_shifted=13 is more than the 12 dimensions"),
        ({**STUDY, "n_interacting": 13}, "n_interacting=13 is more than the 12 dimensions.*lower n_interacting"),
        ({"n_arm_shifted": -1}, "n_arm_shifted=-1"),
        ({"n_interacting": 1.5}, "n_interacting=1.5"),
        ({"sample_sd": -0.1}, "sample_sd=-0.1"),
        ({"donor_correlation": 1.1}, "donor_correlation=1.1"),
        ({"donor_correlation": -0.1}, "donor_correlation=-0.1"),
        ({"cells_sd": np.inf}, "cells_sd=inf"),
        ({"n_outlier_donors": 2}, "n_outlier_donors=2 is more than n_donors=1"),
        ({"n_outlier_donors": -1}, "n_outlier_donors=-1"),
        ({"outlier_factor": -1}, "outlier_factor=-1"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        simulate(**options)
