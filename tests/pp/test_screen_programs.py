"""Which programs are awake."""

import logging
import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import crystallin as cr

QUICK = {"n_null": 400}


@pytest.fixture
def screened(planted):
    """Eight planted programs beside sixty rewired ones."""
    rng = np.random.default_rng(3)
    genes = planted.adata.var_names.to_numpy()
    random = {f"random {i}": rng.choice(genes, rng.integers(12, 20), replace=False).tolist() for i in range(60)}
    cr.pp.add_programs(planted.adata, planted.sets | random)
    cr.pp.screen_programs(planted.adata, **QUICK)
    return planted.adata


def test_planted_programs_are_awake_and_random_ones_are_not(screened):
    table = cr.get.programs_df(screened, columns="all")
    planted = table.index.str.startswith("Program")
    assert table["awake"].dtype == bool and table.loc[planted, "awake"].sum() >= 7
    assert table.loc[~planted, "awake"].sum() <= 3
    assert (table["awake"] == (table["q_awake"] <= 0.05)).all()
    assert ((table["asleep"] == "") == table["awake"]).all()
    assert table.loc[~table["awake"], "asleep"].str.contains("no more than those of random sets").all()
    assert (table["coherence"] > table["coherence_null"])[table["awake"]].all()
    assert table.loc[table["awake"], "coherence_z"].min() > 2
    # nearly all members of a planted program take part, and never more than there are
    assert (table["n_carriers"] <= table["n_measured"] + 1e-6).all()
    assert (table["n_carriers"] / table["n_measured"])[planted].median() > 0.6
    # nothing is dropped
    assert len(screened.uns["programs"]["names"]) == 68 and screened.varm["programs"].shape[1] == 68


def test_shuffled_cells_have_no_program_awake(planted):
    rng = np.random.default_rng(0)
    counts = planted.adata.X.toarray()
    for gene in range(counts.shape[1]):
        counts[:, gene] = rng.permutation(counts[:, gene])
    counts[counts.sum(1) == 0, 0] = 1
    planted.adata.X = sparse.csr_matrix(counts)
    cr.pp.add_programs(planted.adata, planted.sets)
    with pytest.warns(UserWarning, match=r"No program is awake at fdr=0.05.*Nearest: 'Program/\d' \(q = "):
        cr.pp.screen_programs(planted.adata, **QUICK)
    assert not cr.get.programs_df(planted.adata, columns="all")["awake"].any()


def test_signs_count(planted):
    """A set whose genes go both ways is coherent in the direction of its signs."""
    rng = np.random.default_rng(0)
    counts, shared = planted.adata.X.toarray(), rng.normal(0, 0.5, planted.adata.n_obs)
    genes, signs = np.arange(10), np.repeat([1, -1], 5)
    depth = counts.sum(1, keepdims=True) / counts.sum(1).mean()
    counts[:, genes] = rng.poisson(np.exp(1 + np.outer(shared, signs)) * depth)
    planted.adata.X = sparse.csr_matrix(counts.astype(np.float32))
    names = planted.adata.var_names[genes]
    sets = planted.sets | {"signed": dict(zip(names, signs.tolist(), strict=True)), "plain": list(names)}
    # the same genes: one set each time
    for kept, other in (("signed", "plain"), ("plain", "signed")):
        cr.pp.add_programs(planted.adata, {name: genes for name, genes in sets.items() if name != other})
        cr.pp.screen_programs(planted.adata, **QUICK)
        row = cr.get.programs_df(planted.adata, columns="all").loc[kept]
        assert row["awake"] == (kept == "signed"), kept
        assert (row["coherence"] > 0.1) == (kept == "signed"), kept


def test_within_types_is_another_question(planted):
    """Types drown what varies within them; a program may be awake in either."""
    adata, rng = planted.adata, np.random.default_rng(0)
    of_type = pd.Categorical(rng.integers(0, 4, adata.n_obs).astype(str))
    counts = adata.X.toarray()
    by_type, within = np.arange(0, 12), np.arange(20, 32)
    base = counts.mean(0)
    level = np.array([[-0.8], [-0.2], [0.3], [0.7]])[of_type.codes]
    depth = counts.sum(1, keepdims=True) / counts.sum(1).mean() * np.ones((1, 12))
    counts[:, by_type] = rng.poisson(base[by_type] * np.exp(level) * depth)
    counts[:, within] = rng.poisson(base[within] * np.exp(rng.normal(0, 0.5, (adata.n_obs, 1))) * depth)
    adata.X = sparse.csr_matrix(counts.astype(np.float32))
    adata.obs["type"] = of_type
    genes = adata.var_names
    sets = planted.sets | {"by type": list(genes[by_type]), "within": list(genes[within])}
    cr.pp.add_programs(adata, sets)
    cr.pp.screen_programs(adata, within="type", **QUICK)
    table = cr.get.programs_df(adata, columns="all")
    assert table.loc[["by type", "within"], "awake"].all()
    assert table.loc["by type", "coherence"] > 0.2 > 5 * abs(table.loc["by type", "coherence_within"])
    assert table.loc["within", "coherence_within"] > 0.1
    # a batch that is the type takes away what is between types
    cr.pp.screen_programs(adata, batch_key="type", **QUICK)
    alone = cr.get.programs_df(adata, columns="all")
    assert not alone.loc["by type", "awake"] and alone.loc["within", "awake"]
    assert "coherence_within" not in alone


def test_drop_leaves_the_awake_and_those_named(screened):
    before = cr.get.programs_df(screened, columns="all")
    sleeping = before.index[~before["awake"]]
    cr.pp.screen_programs(screened, drop=True, keep=[sleeping[0]], **QUICK)
    left = [*before.index[before["awake"]], sleeping[0]]
    names = screened.uns["programs"]["names"].tolist()
    assert sorted(names) == sorted(left) and screened.varm["programs"].shape[1] == len(left)
    table = cr.get.programs_df(screened, dropped=True, columns="all")
    assert len(table) == 68 and table.index[: len(left)].tolist() == names
    dropped = table[~table["kept"].astype(bool)]
    assert dropped["reason"].str.startswith("asleep: its genes move together no more").all()
    # columns of the matrix are still those of the names
    for name in names:
        members = screened.var_names[screened.varm["programs"][:, [names.index(name)]].toarray().ravel() != 0]
        assert len(members) == table.loc[name, "n_present"]
    # and a model can be set up with them
    cr.ProgramVAE.setup_anndata(screened)
    model = cr.ProgramVAE(screened)
    assert model.program_names.tolist() == names
    # once more: nothing sleeps but the one that is kept by name
    again = cr.pp.screen_programs(screened, drop=True, keep=[sleeping[0]], copy=True, **QUICK)
    assert set(again.uns["programs"]["names"]) <= set(names)


def test_results_of_the_whole_collection_are_told(result, model):
    cr.tl.rank_programs_groups(result, model, "cell_type")
    cr.pp.screen_programs(result, drop=True, **QUICK)
    assert "X_programs" not in result.obsm and "programs_loadings" not in result.varm
    with pytest.raises(ValueError, match="replaced since"):
        cr.get.rank_programs_groups_df(result, columns="all")


def test_decoys_sleep(planted):
    cr.pp.add_programs(planted.adata, planted.sets, n_decoys=30)
    cr.pp.screen_programs(planted.adata, **QUICK)
    table = cr.get.programs_df(planted.adata, decoys=True, columns="all")
    assert table.loc[table["decoy"].astype(bool), "awake"].sum() <= 2


@pytest.mark.parametrize("form", ["h5ad", "zarr"])
def test_it_can_be_saved(screened, tmp_path, form):
    import anndata as ad

    path = tmp_path / f"x.{form}"
    getattr(screened, f"write_{form}")(path)
    back = getattr(ad, f"read_{form}")(path)
    pd.testing.assert_frame_equal(
        cr.get.programs_df(back, columns="all"), cr.get.programs_df(screened, columns="all"), check_dtype=False
    )
    assert back.uns["programs"]["screen_params"]["n_null"] == 400
    assert "within" not in back.uns["programs"]["screen_params"]


def test_seeds_and_copies(screened):
    table = cr.get.programs_df(screened, columns="all")
    copy = cr.pp.screen_programs(screened, copy=True, **QUICK)
    pd.testing.assert_frame_equal(cr.get.programs_df(copy, columns="all"), table)
    other = cr.pp.screen_programs(screened, random_state=1, copy=True, **QUICK)
    assert not cr.get.programs_df(other, columns="all")["coherence_z"].equals(table["coherence_z"])
    assert (cr.get.programs_df(other, columns="all")["awake"] == table["awake"]).mean() > 0.95
    pd.testing.assert_frame_equal(cr.get.programs_df(screened, columns="all"), table)


def test_too_few_genes_are_said(planted):
    counts = planted.adata.X.toarray()
    counts[9:, :60] = 0
    counts[counts.sum(1) == 0, 100] = 1
    planted.adata.X = sparse.csr_matrix(counts)
    genes = planted.adata.var_names
    cr.pp.add_programs(planted.adata, planted.sets | {"rare": list(genes[:14])})
    cr.pp.screen_programs(planted.adata, **QUICK)
    row = cr.get.programs_df(planted.adata, columns="all").loc["rare"]
    assert row["n_measured"] == 0 and np.isnan(row["q_awake"]) and np.isnan(row["coherence"])
    assert row["asleep"] == "not testable: 0 of its 14 genes are expressed enough and vary" and not row["awake"]


def test_constant_genes_do_not_move_together(planted):
    """Beside the depth of cells, which varies, equal counts would look alike."""
    counts = planted.adata.X.toarray()
    counts[:, :20] = 3
    planted.adata.X = sparse.csr_matrix(counts)
    cr.pp.add_programs(planted.adata, planted.sets | {"constant": list(planted.adata.var_names[:14])})
    cr.pp.screen_programs(planted.adata, **QUICK)
    row = cr.get.programs_df(planted.adata, columns="all").loc["constant"]
    assert row["n_measured"] == 0 and np.isnan(row["q_awake"]) and not row["awake"]
    # nothing varies
    planted.adata.X = sparse.csr_matrix(np.full_like(counts, 3))
    with pytest.warns(UserWarning, match=r"None could be tested\. 'Program/0': not testable: 0 of its \d+ genes"):
        cr.pp.screen_programs(planted.adata, **QUICK)
    with pytest.raises(ValueError, match="could be tested, so there is nothing to draw"):
        cr.pl.screen_programs(planted.adata)


@pytest.mark.parametrize("n_others", [0, 1, 14])
def test_a_set_that_fills_its_class_cannot_be_tested(planted, n_others):
    """Where nearly all abundant genes are in one set, random sets of abundant genes are nearly this set."""
    rng = np.random.default_rng(0)
    counts, abundant = planted.adata.X.toarray(), np.arange(26)
    shared = rng.normal(0, 0.3, (planted.adata.n_obs, 1))
    counts[:, abundant] = rng.poisson(40 * np.exp(shared) * rng.uniform(0.9, 1.1, (1, 26)))
    planted.adata.X = sparse.csr_matrix(counts.astype(np.float32))
    genes = planted.adata.var_names.to_numpy()
    sets = {name: [gene for gene in members if gene not in genes[:26]] for name, members in planted.sets.items()}
    sets |= {f"random {i}": list(rng.choice(genes[26:], 14, replace=False)) for i in range(10)}
    # all abundant genes are in as many sets, or the set would stand out by that
    sets |= {f"mixed {i}": [*genes[:26], *rng.choice(genes[26:], 14, replace=False)] for i in range(4)}
    sets["abundant"] = list(genes[n_others:26])
    cr.pp.add_programs(planted.adata, sets)
    cr.pp.screen_programs(planted.adata, drop=True, **QUICK)
    table = cr.get.programs_df(planted.adata, dropped=True, columns="all")
    row = table.loc["abundant"]
    assert row["coherence"] > 0.2 and not row["awake"] and not row["kept"]
    assert table.loc[list(planted.sets), "awake"].sum() >= 6
    if n_others == 14:
        # the other abundant genes move along, which can be seen
        assert row["q_awake"] > 0.05 and row["asleep"].startswith("its genes move together no more")
        assert row["reason"] == f"asleep: {row['asleep']}"
        return
    assert np.isnan(row["q_awake"]) and np.isnan(row["coherence_z"])
    which = rf"contain all but [01]\.\d of its {26 - n_others} expressed genes"
    assert re.fullmatch(f"not testable: random sets matched in expression and number of sets {which}", row["asleep"])
    assert row["reason"] == row["asleep"]


def test_one_program_awake(planted):
    rng = np.random.default_rng(0)
    genes = planted.adata.var_names.to_numpy()
    random = {f"random {i}": rng.choice(genes, 12, replace=False).tolist() for i in range(6)}
    cr.pp.add_programs(planted.adata, {"one": planted.sets["Program/1"]} | random)
    cr.pp.screen_programs(planted.adata, drop=True, **QUICK)
    assert planted.adata.uns["programs"]["names"].tolist() == ["one"]
    cr.ProgramVAE.setup_anndata(planted.adata)
    model = cr.ProgramVAE(planted.adata)
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    cr.tl.activity(planted.adata, model)
    assert planted.adata.obsm["X_programs"].shape == (500, 1)


def test_one_program_among_so_many_that_random_sets_are_too_few(planted):
    rng = np.random.default_rng(0)
    genes = planted.adata.var_names.to_numpy()
    random = {f"random {i}": rng.choice(genes, 12, replace=False).tolist() for i in range(80)}
    cr.pp.add_programs(planted.adata, {"one": planted.sets["Program/1"]} | random)
    with pytest.warns(UserWarning, match=r"Nearest: 'one' .*all 100 random sets, but these are too few.*n_null=1620"):
        cr.pp.screen_programs(planted.adata, n_null=100)
    assert "too few for 81 programs" in cr.get.programs_df(planted.adata, columns="all").loc["one", "asleep"]
    cr.pp.screen_programs(planted.adata, n_null=1_620)
    assert cr.get.programs_df(planted.adata, columns="all").loc["one", "awake"]


@pytest.mark.parametrize("n_genes", [4, 12])
def test_few_genes(planted, n_genes):
    """Too few to draw random sets that are others."""
    adata = planted.adata[:, :n_genes].copy()
    adata = adata[np.asarray(adata.X.sum(axis=1)).ravel() > 0].copy()
    genes = list(adata.var_names)
    cr.pp.add_programs(adata, {"most": genes[: n_genes - 1], "others": genes[1:]}, min_genes=3)
    before = adata.uns["programs"]
    with pytest.raises(ValueError, match=r"None could be tested\. 'most': not testable: random sets.*set drop=False"):
        cr.pp.screen_programs(adata, drop=True, **QUICK)
    assert adata.uns["programs"] is before
    with pytest.warns(UserWarning, match="All are left in.*too few cells, genes or programs"):
        cr.pp.screen_programs(adata, **QUICK)
    assert (
        cr.get.programs_df(adata, columns="all")["q_awake"].isna().all()
        and adata.uns["programs"]["names"].tolist()[0] == "most"
    )


def test_few_cells(planted):
    adata = planted.adata[:9].copy()
    cr.pp.add_programs(adata, planted.sets)
    with pytest.raises(ValueError, match="There are 9 cells, and at least 10 are needed"):
        cr.pp.screen_programs(adata, **QUICK)


def test_small_batches_are_left_out(planted, caplog):
    adata = planted.adata
    adata.obs["lane"] = np.where(np.arange(adata.n_obs) < 6, "tiny", adata.obs["batch"].astype(str))
    cr.pp.add_programs(adata, planted.sets)
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        cr.pp.screen_programs(adata, batch_key="lane", **QUICK)
    assert "Left out 6 cells, as fewer than 10" in caplog.text
    adata.obs["each"] = adata.obs_names
    with pytest.raises(ValueError, match=r"500 combinations of batch, sample and type.*coarser labels"):
        cr.pp.screen_programs(adata, sample_key="each", **QUICK)


REFUSED = {
    "not added": ({"key_added": "nothing"}, KeyError, "nothing"),
    "column": ({"within": "nothing"}, KeyError, "nothing"),
    "numbers": ({"batch_key": "age"}, ValueError, "age"),
    "few random sets": ({"n_null": 10}, ValueError, "n_null=10 must be a whole number of at least 100"),
    "fdr": ({"fdr": 0}, ValueError, "fdr=0"),
    "unknown program": ({"keep": ["nothing"], "drop": True}, KeyError, "nothing"),
    "layer": ({"layer": "nothing"}, KeyError, "nothing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(result, case):
    options, error, match = REFUSED[case]
    before = result.uns["programs"]["table"].copy()
    with pytest.raises(error, match=match):
        cr.pp.screen_programs(result, **options)
    pd.testing.assert_frame_equal(result.uns["programs"]["table"], before)


def test_no_program_would_be_left(planted):
    rng = np.random.default_rng(0)
    genes = planted.adata.var_names.to_numpy()
    random = {f"random {i}": rng.choice(genes, 12, replace=False).tolist() for i in range(6)}
    cr.pp.add_programs(planted.adata, random)
    before = planted.adata.uns["programs"]
    with pytest.raises(ValueError, match=r"No program is awake.*Name programs to keep"):
        cr.pp.screen_programs(planted.adata, drop=True, **QUICK)
    assert planted.adata.uns["programs"] is before
    with pytest.warns(UserWarning, match="No program is awake.*Only those named in keep are left"):
        cr.pp.screen_programs(planted.adata, drop=True, keep="random 3", **QUICK)
    assert planted.adata.uns["programs"]["names"].tolist() == ["random 3"]


def test_normalised_values_are_refused(planted):
    cr.pp.add_programs(planted.adata, planted.sets)
    planted.adata.X = planted.adata.X.log1p()
    with pytest.raises(ValueError, match="must hold raw counts"):
        cr.pp.screen_programs(planted.adata)


@pytest.mark.parametrize("kind", ["dense", "csc", "backed"])
def test_kinds_of_matrices(screened, tmp_path, kind):
    import anndata as ad

    expected = cr.get.programs_df(screened, columns="all")
    if kind == "backed":
        screened.write_h5ad(tmp_path / "x.h5ad")
        other = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    else:
        other = screened.copy()
        other.X = other.X.toarray() if kind == "dense" else sparse.csc_matrix(other.X)
    cr.pp.screen_programs(other, **QUICK)
    pd.testing.assert_series_equal(
        cr.get.programs_df(other, columns="all")["coherence_z"], expected["coherence_z"], rtol=1e-4
    )
