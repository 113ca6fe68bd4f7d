import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin.datasets._simulation._counts import draw_counts
from crystallin.datasets._simulation._rates import FLOOR, Rates

SMALL = {"n_obs": 300, "n_vars": 300, "n_programs": 12, "n_decoys": 6, "program_size": (10, 30)}
EVERYTHING = {
    "twins": (0.3, 0.6),
    "n_signed": 2,
    "n_gated": 2,
    "n_two_dimensional": 1,
    "n_programs": 16,
    "n_missing": 2,
    "n_shifted": 3,
    "held_out_cell_type": True,
    "conditions": ("ctrl", "stim"),
    "n_donors": 3,
    "n_batches": 2,
    "confounding": 0.5,
    "ambient": 0.1,
}


def simulate(**options):
    return cr.datasets.simulate(**{**SMALL, **options})


def table(adata, name):
    return adata.uns["simulation"][name]


def true_sets(adata):
    """Genes with a loading, by program."""
    loadings = pd.DataFrame(adata.varm["true_loadings"] != 0, adata.var_names)
    programs = table(adata, "dimensions")["program"].to_numpy()
    return {name: set(loadings.index[loadings.loc[:, programs == name].any(axis=1)]) for name in programs}


def annotated_sets(adata):
    return {name: set(rows) for name, rows in table(adata, "annotation").groupby("source")["target"]}


def jaccard(one, other):
    return len(one & other) / len(one | other)


def same(one, other):
    assert (one.X != other.X).nnz == 0
    pd.testing.assert_frame_equal(one.obs, other.obs)
    np.testing.assert_array_equal(one.obsm["true_activity"], other.obsm["true_activity"])
    np.testing.assert_array_equal(one.varm["true_loadings"], other.varm["true_loadings"])
    for name in ("dimensions", "annotation", "sets", "edges", "shifts"):
        pd.testing.assert_frame_equal(table(one, name), table(other, name), check_dtype=False)


# ------------------------------------------------------------------------------------------------ form and chance


@pytest.mark.parametrize("arm", ["log-additive", "additive-rate"])
def test_slots(arm):
    adata = simulate(arm=arm, **EVERYTHING)
    n_dimensions = 17
    assert adata.shape == (300, 300)
    assert adata.X.format == "csr" and adata.X.dtype == np.float32
    assert (adata.X.data == np.rint(adata.X.data)).all() and adata.X.data.min() >= 1
    assert (adata.X.sum(axis=1) >= 1).all()
    assert adata.obsm["true_activity"].shape == (300, n_dimensions)
    assert adata.varm["true_loadings"].shape == (300, n_dimensions)
    for slot in ("true_batch_effect", "true_ambient"):
        assert adata.varm[slot].shape == (300, 2) and adata.varm[slot].dtype == np.float32
    np.testing.assert_allclose(adata.varm["true_ambient"].sum(axis=0), 1, rtol=1e-5)
    assert adata.obsm["true_activity"].dtype == adata.varm["true_loadings"].dtype == np.float32
    for key in ("cell_type", "condition", "donor", "batch", "sample"):
        assert isinstance(adata.obs[key].dtype, pd.CategoricalDtype)
    assert adata.obs["held_out"].dtype == bool
    dimensions = table(adata, "dimensions")
    np.testing.assert_array_equal(dimensions["size"], (adata.varm["true_loadings"] != 0).sum(axis=0))
    kinds = dimensions.drop_duplicates("program")["kind"].value_counts().to_dict()
    assert kinds == {"twin": 4, "signed": 2, "gated": 2, "two-dimensional": 1, "plain": 7}
    assert not dimensions.isna().any().any()


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_survives_files_and_subsetting(tmp_path, extension):
    for i, adata in enumerate((simulate(n_obs=60, **EVERYTHING), simulate(n_obs=60)[:20].copy())):
        path = tmp_path / f"{i}.{extension}"
        getattr(adata, f"write_{extension}")(path)
        back = getattr(ad, f"read_{extension}")(path)
        assert (back.X != adata.X).nnz == 0
        np.testing.assert_array_equal(back.obsm["true_activity"], adata.obsm["true_activity"])
        for name in ("dimensions", "annotation", "sets", "edges", "shifts"):
            assert table(back, name).to_dict("list") == table(adata, name).to_dict("list")
        assert table(back, "params")["arm"] == "log-additive"
        assert list(table(back, "params")["conditions"]) == list(table(adata, "params")["conditions"])
        assert list(table(back, "batches")) == list(table(adata, "batches"))


def test_seeds():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = simulate(random_state=1, **EVERYTHING)
    same(first, simulate(random_state=1, **EVERYTHING))
    assert (first.X != simulate(random_state=2, **EVERYTHING).X).nnz
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_more_cells_leave_programs_and_effects_alone():
    few, many = simulate(conditions=("a", "b")), simulate(conditions=("a", "b"), n_obs=400)
    np.testing.assert_array_equal(few.varm["true_loadings"], many.varm["true_loadings"])
    for name in ("annotation", "shifts"):
        pd.testing.assert_frame_equal(table(few, name), table(many, name))


def test_add_programs_accepts_the_annotation():
    adata = simulate(n_signed=2)
    cr.pp.add_programs(adata, table(adata, "annotation"))
    names = adata.uns["programs"]["names"]
    sets = table(adata, "sets").set_index("name")
    assert sorted(names) == sorted(sets.index)
    np.testing.assert_array_equal((adata.varm["programs"] != 0).sum(axis=0).A1, sets.loc[names, "size"])
    assert (adata.varm["programs"].data == -1).any()


# ------------------------------------------------------------------------------------------------ programs


def test_sizes():
    sizes = table(simulate(n_programs=60, n_decoys=0, program_size=(10, 40)), "sets")["size_true"]
    assert sizes.min() >= 10 and sizes.max() <= 40
    # log-uniform: as many below the geometric mean as above
    assert abs((sizes < 20).mean() - 0.5) < 0.2
    assert set(table(simulate(program_size=(15, 15)), "sets")["size_true"]) == {15, 0}


def test_twins_reach_their_jaccard_in_truth_and_annotation():
    adata = simulate(n_vars=600, twins=(0.3, 0.6, 0.9), program_size=(40, 80))
    dimensions = table(adata, "dimensions")
    true, annotated = true_sets(adata), annotated_sets(adata)
    twin_of = dimensions.loc[dimensions["twin_of"] != "", ["name", "twin_of"]].to_numpy().tolist()
    assert len(twin_of) == 6 and all([b, a] in twin_of for a, b in twin_of)
    found = sorted(jaccard(true[a], true[b]) for a, b in twin_of)[::2]
    np.testing.assert_allclose(found, [0.3, 0.6, 0.9], atol=0.02)
    kept = sorted(jaccard(annotated[a], annotated[b]) for a, b in twin_of)[::2]
    np.testing.assert_allclose(kept, found, atol=0.12)
    others = [jaccard(true[a], true[b]) for a in true for b in true if a < b and [a, b] not in twin_of]
    assert max(others) < 0.25


def test_signed_programs():
    adata = simulate(n_signed=3)
    is_signed = (table(adata, "dimensions")["kind"] == "signed").to_numpy()
    loadings = adata.varm["true_loadings"]
    members = (loadings != 0).sum(axis=0)
    np.testing.assert_allclose((loadings < 0).sum(axis=0)[is_signed] / members[is_signed], 1 / 3, atol=0.05)
    assert (loadings[:, ~is_signed] >= 0).all()
    # true members carry their sign in the annotation
    edges = table(adata, "annotation").merge(table(adata, "edges").query("true & annotated"))
    frame = pd.DataFrame(loadings, adata.var_names, table(adata, "dimensions")["name"])
    signs = [np.sign(frame.loc[row.target, row.source]) for row in edges.itertuples()]
    np.testing.assert_array_equal(signs, edges["weight"])
    assert "weight" not in table(simulate(), "annotation")


@pytest.mark.parametrize("arm", ["log-additive", "additive-rate"])
def test_gated_programs(arm):
    adata = simulate(n_gated=3, arm=arm)
    dimensions, activity = table(adata, "dimensions"), adata.obsm["true_activity"]
    # softplus(0)
    threshold = 0 if arm == "log-additive" else np.log(2)
    for row in dimensions.query("kind == 'gated'").itertuples():
        gate = activity[:, dimensions.index[dimensions["name"] == row.gate][0]]
        np.testing.assert_array_equal(activity[:, row.Index] != 0, gate > threshold)
    assert (dimensions.query("kind != 'gated'")["gate"] == "").all()


def test_two_dimensional_programs():
    adata = simulate(n_two_dimensional=1, program_size=(30, 30))
    dimensions = table(adata, "dimensions")
    pair = dimensions.query("kind == 'two-dimensional'")
    assert len(dimensions) == 13 and len(pair) == 2 and pair["program"].nunique() == 1
    first, second = (adata.varm["true_loadings"][:, pair.index] != 0).T
    assert first.sum() == second.sum() == 18 and (first | second).sum() == 30
    z = adata.obsm["true_activity"][:, pair.index]
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.7
    assert (table(adata, "sets")["name"] == pair["program"].iloc[0]).sum() == 1


def test_effect_is_the_mean_loading():
    for effect in (0.2, 0.8):
        loadings = simulate(n_programs=60, n_decoys=0, effect=effect).varm["true_loadings"]
        np.testing.assert_allclose(loadings[loadings != 0].mean(), effect, rtol=0.1)
    assert not simulate(effect=0).varm["true_loadings"].any()


# ------------------------------------------------------------------------------------------------ annotation


@pytest.mark.parametrize(("dropped", "added"), [(0, 0), (0.2, 0.2), (0.5, 0), (0, 1), (1, 0.3), (1, 0)])
def test_corruption_is_as_asked_for(dropped, added):
    adata = simulate(dropped=dropped, added=added, twins=(0.5,))
    true, annotated = true_sets(adata), annotated_sets(adata)
    for name, genes in true.items():
        n = len(genes)
        # a set is never emptied
        n_dropped = min(round(dropped * n), n - 1 if not added else n)
        assert len(genes - annotated[name]) == n_dropped
        assert len(annotated[name] - genes) == round(added * n)
    sets = table(adata, "sets").set_index("name")
    assert (sets["size"] == pd.Series({name: len(genes) for name, genes in annotated.items()})[sets.index]).all()
    real = sets[~sets["is_decoy"]]
    assert (real["size"] == real["size_true"] - real["n_dropped"] + real["n_added"]).all()


def test_edges_say_what_is_true():
    adata = simulate(twins=(0.5,), n_two_dimensional=1)
    edges, true = table(adata, "edges"), true_sets(adata)
    assert not edges.duplicated(["source", "target"]).any()
    for name, rows in edges.groupby("source"):
        assert set(rows.loc[rows["true"], "target"]) == true.get(name, set())
    listed = edges.loc[edges["annotated"], ["source", "target"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(listed, table(adata, "annotation"))


def test_decoys_match_true_sets_and_do_nothing():
    adata = simulate(n_vars=600, n_programs=30, n_decoys=45)
    sets, annotated = table(adata, "sets").set_index("name"), annotated_sets(adata)
    decoys = sets[sets["is_decoy"]]
    assert len(decoys) == 45 and not set(decoys.index) & set(table(adata, "dimensions")["name"])
    # evenly: none twice before all once
    assert decoys["template"].value_counts().between(1, 2).all()
    mean = pd.Series(np.log(adata.X.mean(axis=0).A1 + 0.01), adata.var_names)
    for name, template in decoys["template"].items():
        assert len(annotated[name]) == len(annotated[template]) and not annotated[name] & annotated[template]
        assert abs(mean[list(annotated[name])].mean() - mean[list(annotated[template])].mean()) < 0.35
    # hubs are as frequent
    n_programs = pd.Series((adata.varm["true_loadings"] != 0).sum(axis=1), adata.var_names)
    real, fake = (
        np.mean([n_programs[list(annotated[n])].mean() for n in names])
        for names in (sets.index[~sets["is_decoy"]], decoys.index)
    )
    assert real - 1 < fake * 1.15
    assert table(simulate(n_decoys=0), "sets")["is_decoy"].sum() == 0


def test_missing_programs_are_in_the_truth_only():
    adata = simulate(n_missing=4)
    dimensions = table(adata, "dimensions")
    missing = set(dimensions.loc[dimensions["missing"], "name"])
    assert len(missing) == 4
    for name in ("annotation", "edges"):
        assert not missing & set(table(adata, name)["source"])
    assert not missing & set(table(adata, "sets")["name"])
    assert (adata.varm["true_loadings"][:, dimensions["missing"]] != 0).any(axis=0).all()


# ------------------------------------------------------------------------------------------------ cells


def test_rare_and_held_out_types():
    adata = simulate(n_obs=2000, n_cell_types=5, rare_fraction=0.02, held_out_cell_type=True)
    shares = adata.obs["cell_type"].value_counts(normalize=True)
    assert len(shares) == 6
    np.testing.assert_allclose(shares["type_06"], 1 / 6, atol=0.005)
    np.testing.assert_allclose(shares["type_05"], 0.02 * 5 / 6, atol=0.002)
    assert ((adata.obs["cell_type"] == "type_06") == adata.obs["held_out"]).all()
    z = adata.obsm["true_activity"][~adata.obs["held_out"]]
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-5)
    # some programs are on in the one held out
    assert np.abs(adata.obsm["true_activity"][adata.obs["held_out"]].mean(axis=0)).max() > 0.8
    assert simulate(n_cell_types=1).obs["cell_type"].nunique() == 1
    assert simulate(n_cell_types=3, rare_fraction=0).obs["cell_type"].value_counts().min() > 20
    assert not simulate().obs["held_out"].any()


def test_types_differ_in_few_programs():
    adata = simulate(n_obs=3000, n_programs=40, n_decoys=0)
    z = pd.DataFrame(adata.obsm["true_activity"]).groupby(adata.obs["cell_type"].to_numpy())
    between = (z.mean().to_numpy() ** 2 * z.size().to_numpy()[:, None]).sum(axis=0) / adata.n_obs
    assert 0.25 < between.mean() < 0.55
    assert between.min() < 0.1 and between.max() > 0.6


@pytest.mark.parametrize("paired", [True, False])
def test_samples(paired):
    adata = simulate(conditions=("ctrl", "a", "b"), n_donors=6, paired=paired)
    conditions_of = adata.obs.groupby("donor", observed=True)["condition"].nunique()
    assert (conditions_of == (3 if paired else 1)).all() and len(conditions_of) == 6
    assert adata.obs["sample"].nunique() == (18 if paired else 6)
    assert adata.obs["condition"].value_counts().between(99, 101).all()
    first = adata.obs.iloc[0]
    assert first["sample"] == f"{first['donor']}_{first['condition']}"


def test_donor_effects():
    options = {"n_obs": 3000, "n_cell_types": 2, "rare_fraction": 0, "n_donors": 10}
    with_effect, without = simulate(donor_sd=0.5, **options), simulate(donor_sd=0, **options)
    effects = with_effect.obsm["true_activity"] - without.obsm["true_activity"]
    groups = with_effect.obs[["donor", "cell_type"]].astype(str).agg("/".join, axis=1).to_numpy()
    by_group = pd.DataFrame(effects).groupby(groups)
    # the same for all cells of a donor and type, different between these
    assert by_group.std().to_numpy().max() < 1e-5 and by_group.ngroups == 20
    np.testing.assert_allclose(by_group.mean().to_numpy().std(), 0.5, rtol=0.15)
    same(simulate(donor_sd=0.5), simulate(donor_sd=0))


@pytest.mark.parametrize("shift", [0.7, (0.3, 0.9)])
def test_shifts_are_where_the_truth_says(shift):
    options = {"n_cell_types": 4, "rare_fraction": 0, "conditions": ("ctrl", "stim"), "n_gated": 2}
    shifted = simulate(shift=shift, n_shifted=4, **options)
    unshifted = simulate(shift=shift, n_shifted=0, **options)
    truth, names = table(shifted, "shifts"), table(shifted, "dimensions")["name"]
    assert truth["dimension"].nunique() == 4 and (truth.groupby("dimension").size() == 2).all()
    assert truth["shift"].abs().between(*np.broadcast_to(shift, 2)).all() and set(truth["condition"]) == {"stim"}
    expected = np.zeros(shifted.obsm["true_activity"].shape)
    for row in truth.itertuples():
        cells = (shifted.obs["condition"] == row.condition) & (shifted.obs["cell_type"] == row.cell_type)
        expected[cells, names.index[names == row.dimension][0]] = row.shift
    found = shifted.obsm["true_activity"] - unshifted.obsm["true_activity"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(table(simulate(), "shifts")) == 0
    assert len(table(simulate(conditions=("a", "b"), shifted_types_fraction=0), "shifts")) == 0
    assert len(table(simulate(conditions=("a", "b"), shifted_types_fraction=1, n_shifted=1), "shifts")) == 8


# ------------------------------------------------------------------------------------------------ counts


@pytest.mark.parametrize("confounding", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_batches", [2, 4])
def test_confounding_is_cramers_v(confounding, n_batches):
    adata = simulate(n_obs=4000, n_vars=150, conditions=("a", "b"), n_batches=n_batches, confounding=confounding)
    batch = adata.obs["batch"].cat.codes
    assert adata.obs["batch"].value_counts(normalize=True).between(0.8 / n_batches, 1.2 / n_batches).all()
    counts = pd.crosstab(batch < n_batches // 2, adata.obs["condition"]).to_numpy()
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / counts.sum()
    v = np.sqrt((np.square(counts - expected) / expected).sum() / counts.sum())
    assert v == pytest.approx(confounding, abs=0.05)


def test_batch_effects_are_in_the_counts():
    adata = simulate(n_obs=3000, n_batches=2, batch_effect=0.5, effect=0)
    truth = adata.varm["true_batch_effect"]
    np.testing.assert_allclose(truth.std(), 0.5, rtol=0.1)
    totals = [adata.X[(adata.obs["batch"] == name).to_numpy()].sum(axis=0).A1 for name in table(adata, "batches")]
    often = np.min(totals, axis=0) > 200
    found = np.log(totals[0][often] / totals[1][often])
    assert np.corrcoef(found, (truth[:, 0] - truth[:, 1])[often])[0, 1] > 0.98
    assert not simulate().varm["true_batch_effect"].any()


def test_depth():
    adata = simulate(n_obs=3000, depth=800, depth_sd=0.3)
    assert np.median(adata.obs["depth"]) == pytest.approx(800, rel=0.03)
    assert np.log(adata.obs["depth"]).std() == pytest.approx(0.3, rel=0.05)
    assert np.corrcoef(adata.X.sum(axis=1).A1, adata.obs["depth"])[0, 1] > 0.9
    assert simulate(depth_sd=0).obs["depth"].nunique() == 1


def test_no_cell_is_empty():
    adata = simulate(depth=0.5)
    totals = adata.X.sum(axis=1).A1
    assert totals.min() == 1 and (totals == 1).mean() > 0.5


@pytest.mark.parametrize("arm", ["log-additive", "additive-rate"])
def test_counts_follow_the_rates(arm):
    """Written anew: mean counts of the two halves of cells with low and high activity, gene by gene."""
    adata = simulate(n_obs=4000, n_programs=3, n_signed=1, n_decoys=0, arm=arm, depth=3000, n_cell_types=2, n_batches=2)
    offset = adata.var["true_log_base"].to_numpy() + adata.varm["true_batch_effect"].T[adata.obs["batch"].cat.codes]
    drive = adata.obsm["true_activity"] @ adata.varm["true_loadings"].T
    rate = np.exp(offset + drive) if arm == "log-additive" else np.exp(offset) * np.maximum(1 + drive, 0.05)
    mean = rate / rate.sum(axis=1, keepdims=True) * adata.obs["depth"].to_numpy()[:, None]
    for dimension in range(3):
        z = adata.obsm["true_activity"][:, dimension]
        for cells in (z > np.median(z), z <= np.median(z)):
            expected, found = mean[cells].sum(axis=0), adata.X[cells].sum(axis=0).A1
            sd = np.sqrt((mean[cells] + mean[cells] ** 2 / adata.var["true_theta"].to_numpy()).sum(axis=0))
            assert np.abs((found - expected) / sd).max() < 5


def test_additive_activity_is_softplus_of_the_other_arms():
    z, usage = (simulate(arm=arm).obsm["true_activity"] for arm in ("log-additive", "additive-rate"))
    np.testing.assert_allclose(usage, np.logaddexp(z, 0), rtol=1e-5)


def test_arms_are_comparable():
    log, additive = (simulate(arm=arm, n_vars=2000, program_size=(20, 60)) for arm in ("log-additive", "additive-rate"))
    strength = [
        (log.obsm["true_activity"] @ log.varm["true_loadings"].T).std(axis=0),
        np.log1p(additive.obsm["true_activity"] @ additive.varm["true_loadings"].T).std(axis=0),
    ]
    ratio = np.divide(strength[1], strength[0], where=strength[0] > 0, out=np.ones(2000))[strength[0] > 0]
    assert 0.6 < np.median(ratio) < 1.4


def test_additive_rates_stay_positive():
    rates = Rates("additive-rate", np.array([[-0.9], [0.5]]), np.zeros((1, 2)))
    response = rates.response(np.array([[0.0], [10.0]]))
    np.testing.assert_allclose(np.exp(response), [[1, 1], [FLOOR, 6]])


@pytest.mark.parametrize("dispersion", [1.0, 10.0])
def test_dispersion_by_moments(dispersion):
    """Var = mean + mean² / theta, in cells of one rate and depth."""
    n_genes = 400
    theta = np.full(n_genes, dispersion)
    rates = Rates("log-additive", np.zeros((n_genes, 1), np.float32), np.zeros((1, n_genes), np.float32))
    batch = np.zeros(2000, dtype=int)
    depth, none = np.full(2000, 5.0 * n_genes), np.zeros((2000, 1), np.float32)
    counts = draw_counts(rates, none, batch, depth, theta, np.random.default_rng(0)).toarray()
    np.testing.assert_allclose(counts.mean(), 5, rtol=0.01)
    np.testing.assert_allclose(25 / (counts.var(axis=0).mean() - 5), dispersion, rtol=0.05)


def test_dispersion_is_the_median():
    theta = simulate(dispersion=3.0).var["true_theta"]
    assert theta.median() == pytest.approx(3, rel=0.15)
    assert np.log(theta).std() == pytest.approx(0.5, rel=0.15)


def test_ambient_rna_evens_out_cells():
    options = {"n_obs": 1500, "n_programs": 3, "n_decoys": 0, "effect": 1.5, "depth": 2000, "n_batches": 2}
    clean, soup = simulate(**options), simulate(ambient=0.5, **options)
    member = clean.varm["true_loadings"][:, 0] > 1
    low = clean.obsm["true_activity"][:, 0] < -1

    def share(adata):
        return adata.X[low][:, member].sum() / adata.X[low].sum()

    expected = 0.5 * share(clean) + 0.5 * soup.varm["true_ambient"][member].sum(axis=0).mean()
    assert share(soup) == pytest.approx(expected, rel=0.05) and share(soup) > 1.5 * share(clean)
    # the profile is the mean of the cells of the batch
    first = (clean.obs["batch"] == "batch_01").to_numpy()
    profile = (clean.X[first] / clean.obs["depth"].to_numpy()[first, None]).mean(axis=0)
    assert np.corrcoef(np.asarray(profile).ravel(), soup.varm["true_ambient"][:, 0])[0, 1] > 0.99


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_obs": 5}, "n_obs=5"),
        ({"n_obs": 100.0}, "n_obs=100.0"),
        ({"n_obs": 20, "n_donors": 30}, "n_obs=20 is too few"),
        ({"n_vars": 0}, "n_vars=0"),
        ({"arm": "multiplicative"}, "arm='multiplicative' is not one of 'log-additive', 'additive-rate'"),
        ({"n_programs": 0}, "n_programs=0"),
        ({"n_programs": 3, "twins": (0.5, 0.6)}, "n_programs=3 is less than"),
        ({"n_decoys": -1}, "n_decoys=-1"),
        ({"n_missing": 13}, "n_missing=13"),
        ({"n_missing": 12}, "n_missing=12"),
        ({"program_size": (100, 500)}, "program_size=.* too large for n_vars=300"),
        ({"program_size": (30, 10)}, "program_size=.* rising order"),
        ({"program_size": 30}, "program_size=30"),
        ({"program_size": (0, 10)}, "program_size=0"),
        ({"program_size": (10, 140), "n_decoys": 6}, "its decoy"),
        ({"program_size": (10, 160), "n_decoys": 0, "twins": (0.5,)}, "pair of twins"),
        ({"twins": 0.5}, "twins=0.5 must be a sequence"),
        ({"twins": (1.5,)}, "twins=1.5"),
        ({"n_signed": -1}, "n_signed=-1"),
        ({"n_gated": 12}, "n_gated=12 needs a plain program"),
        ({"n_two_dimensional": True}, "n_two_dimensional=True"),
        ({"effect": -1}, "effect=-1"),
        ({"n_cell_types": 0}, "n_cell_types=0"),
        ({"rare_fraction": 1}, "rare_fraction=1"),
        ({"conditions": ()}, "conditions="),
        ({"conditions": "ctrl"}, "conditions='ctrl' must be a sequence"),
        ({"conditions": ("a", "a")}, "conditions=.* twice"),
        ({"conditions": ("a", "b"), "n_shifted": 13}, "n_shifted=13 is more than the 12 dimensions"),
        ({"n_shifted": -1}, "n_shifted=-1"),
        ({"shift": -0.5}, "shift=-0.5"),
        ({"shift": (1, 0.5)}, "shift=.* rising order"),
        ({"shifted_types_fraction": 2}, "shifted_types_fraction=2"),
        ({"n_donors": 0}, "n_donors=0"),
        ({"n_donors": 1, "conditions": ("a", "b"), "paired": False}, "n_donors=1 is fewer"),
        ({"donor_sd": np.nan}, "donor_sd=nan"),
        ({"n_batches": 0}, "n_batches=0"),
        ({"batch_effect": -0.1}, "batch_effect=-0.1"),
        ({"confounding": 1.1}, "confounding=1.1"),
        ({"confounding": 0.5}, "confounding=0.5 needs at least two batches and two conditions"),
        ({"depth": 0}, "depth=0"),
        ({"depth_sd": "wide"}, "depth_sd='wide'"),
        ({"dispersion": 0}, "dispersion=0"),
        ({"ambient": 1}, "ambient=1"),
        ({"dropped": -0.1}, "dropped=-0.1"),
        ({"added": 1.2}, "added=1.2"),
        ({"random_state": -1}, "random_state=-1"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        simulate(**options)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"conditions": {"ctrl", "stim"}}, "is a set, which has no order"),
        ({"twins": {0.3: 1}}, "is a dict, which has no order"),
        ({"paired": "no"}, "paired='no' must be True or False"),
    ],
)
def test_arguments_that_could_be_taken_for_others(arguments, match):
    with pytest.raises(ValueError, match=match):
        cr.datasets.simulate(60, 300, n_programs=8, program_size=(5, 20), **arguments)


def test_arrays_are_lists():
    sizes = {"n_programs": 8, "n_decoys": 2, "n_shifted": 2}
    lists = {"program_size": [5, 20], "twins": [0.3, 0.5], "conditions": ["ctrl", "stim"], "shift": [0.2, 0.4]}
    want = cr.datasets.simulate(60, 300, **sizes, **lists)
    got = cr.datasets.simulate(60, 300, **sizes, **{name: np.array(value) for name, value in lists.items()})
    assert (want.X != got.X).nnz == 0
