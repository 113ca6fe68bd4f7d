"""A model applied to data it was not trained on: what is written, what is right, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

import crystallin as cr
from crystallin._map._query import places_of_genes


def test_activities_are_close_to_the_truth(referenced):
    cr.map(referenced.query, referenced.model)
    found = cr.get.activity_df(referenced.query)
    known = (referenced.query.obs["type"] != "new type").to_numpy()
    r = referenced.truth[known].corrwith(found[referenced.truth.columns][known])
    assert r.median() > 0.75


def test_verdicts_and_labels(referenced):
    query = referenced.query
    cr.map(query, referenced.model, groupby="type", label_added="label", p_added="p")
    verdict = cr.get.map_df(query, columns="all").set_index("group")["verdict"]
    assert verdict["new type"] != "like the reference"
    known = verdict.drop("new type")
    assert (known == "like the reference").mean() >= 2 / 3
    is_new = (query.obs["type"] == "new type").to_numpy()
    assert (query.obs["label"].astype(str) == query.obs["type"].astype(str))[~is_new].mean() > 0.8
    cells = cr.get.map_cells_df(query)
    np.testing.assert_allclose(cells["p"], query.obs["p"], atol=1e-6)
    assert (cells["p"][~is_new] < 0.05).mean() < 0.12
    assert cells["p"][is_new].mean() < cells["p"][~is_new].mean()
    assert cells["probability"].between(0, 1).all()


def test_cells_of_no_known_kind_are_unlike(referenced):
    """Counts of other genes under the names of these: intercepts explain their means, and the verdict tells."""
    query = referenced.query
    cr.map(query, referenced.model)
    table = cr.get.map_df(query, columns="all")
    assert (table["batch_shift"] < table["batch_limit"]).all()
    foreign = query.copy()
    foreign.X = query.X[:, np.random.default_rng(0).permutation(query.n_vars)]
    cr.map(foreign, referenced.model, groupby="type")
    assert (cr.get.map_cells_df(foreign)["p"] < 0.05).mean() > 0.2
    table = cr.get.map_df(foreign, columns="all")
    assert (table["batch_shift"] > 2 * table["batch_limit"]).all()
    assert "like the reference" not in set(table["verdict"])


def test_the_order_of_genes_and_other_genes_do_not_matter(referenced):
    query = referenced.query
    rng = np.random.default_rng(0)
    other = AnnData(sparse.csr_matrix(rng.poisson(1.0, (query.n_obs, 40)).astype(np.float32)), obs=query.obs[[]])
    other.var_names = [f"other {i}" for i in range(40)]
    import anndata as ad

    more = ad.concat([query, other], axis=1, merge="first")
    more = more[:, rng.permutation(more.n_vars)].copy()
    cr.map(query, referenced.model)
    mapped = cr.map(more, referenced.model)
    np.testing.assert_allclose(more.obsm["X_programs"], query.obsm["X_programs"], atol=2e-3)
    pd.testing.assert_frame_equal(
        cr.get.map_df(more, columns="all")[["group", "n_cells", "verdict"]],
        cr.get.map_df(query, columns="all")[["group", "n_cells", "verdict"]],
    )
    prior = pd.DataFrame(more.varm["programs"].toarray(), more.var_names, mapped.program_names)
    expected = pd.DataFrame(mapped.prior.toarray(), mapped.genes, mapped.program_names)
    pd.testing.assert_frame_equal(prior.loc[expected.index], expected)
    assert (prior.drop(expected.index) == 0).all().all()


def test_tools_work_with_the_model_it_returns(referenced):
    query = referenced.query[:, ::2].copy()
    mapped = cr.map(query, referenced.model)
    cr.tl.rank_programs_groups(query, mapped, "type", sample_key="donor")
    assert len(cr.get.rank_programs_groups_df(query, columns="all"))
    own = query[:, mapped.genes].copy()
    cr.tl.attributions(own, mapped, groupby="type")
    program = mapped.program_names[np.argmax(mapped.measured_weight)]
    assert np.isfinite(cr.get.attributions_df(own, program=program)["attribution"]).all()


def test_tools_find_the_counts_of_a_query_in_the_layer_that_was_mapped(referenced):
    query = referenced.query[:, ::2].copy()
    mapped = cr.map(query, referenced.model)
    layered = query.copy()
    layered.layers["counts"], layered.X = query.X.copy(), query.X.log1p()
    of_layer = cr.map(layered, referenced.model, layer="counts")
    for adata, model in ((query, mapped), (layered, of_layer)):
        # the query has genes that the model does not know
        assert len(model.genes) <= adata.n_vars
        cr.tl.attributions(adata, model, groupby="type")
    pd.testing.assert_frame_equal(cr.get.attributions_df(layered), cr.get.attributions_df(query))


def test_programs_that_were_not_measured_are_nan_with_a_reason(referenced):
    program = referenced.model.program_names[0]
    members = referenced.model.genes[referenced.model.prior[:, [0]].nonzero()[0]]
    query = referenced.query[:, ~referenced.query.var_names.isin(members[1:])].copy()
    mapped = cr.map(query, referenced.model)
    table = cr.get.programs_df(query, columns="all").loc[program]
    assert table["measured"] < 0.5 and "less than half" in table["reason"]
    assert np.isnan(query.obsm["X_programs"][:, 0]).all()
    others = cr.get.programs_df(query, columns="all")["measured"] >= 0.5
    assert others.sum() >= 5 and np.isfinite(query.obsm["X_programs"][:, others.to_numpy()]).all()
    assert mapped.measured_weight[0] == pytest.approx(table["measured"])
    assert np.isfinite(cr.get.map_cells_df(query)["p"]).all()


def test_missing_genes_make_no_cell_unlike(referenced):
    """The reference is compared as it would have been measured."""
    shares = []
    rng = np.random.default_rng(0)
    known = referenced.query[(referenced.query.obs["type"] != "new type").to_numpy()]
    for share in (0, 0.3, 0.5):
        there = np.sort(rng.permutation(known.n_vars)[round(share * known.n_vars) :])
        query = known[:, there].copy()
        cr.map(query, referenced.model)
        shares.append((cr.get.map_cells_df(query)["p"] < 0.05).mean())
    assert max(shares) < 0.15


def test_names_of_genes(referenced, model):
    query = referenced.query
    symbols = query.var_names
    expected = np.arange(query.n_vars)
    query.var["symbol"] = symbols
    query.var_names = [f"row {i}" for i in range(query.n_vars)]
    np.testing.assert_array_equal(places_of_genes(query, referenced.model, "symbol"), expected)
    cr.map(query, referenced.model, gene_symbols="symbol")


def test_ensembl_ids_with_versions(referenced):
    query = referenced.query
    ids = np.array([f"ENSG{i:011d}" for i in range(query.n_vars)])
    query.var_names = [f"{name}.{i % 5}" for i, name in enumerate(ids)]
    with pytest.raises(ValueError, match="saved without ids"):
        places_of_genes(query, referenced.model, None)
    kept = referenced.model.gene_ids_
    referenced.model.gene_ids_ = ids
    try:
        np.testing.assert_array_equal(places_of_genes(query, referenced.model, None), np.arange(query.n_vars))
        repeated = query.copy()
        repeated.var_names = [f"{ids[1]}.9", *query.var_names[1:]]
        with pytest.raises(ValueError, match="more than once .version suffixes"):
            places_of_genes(repeated, referenced.model, None)
    finally:
        referenced.model.gene_ids_ = kept


def renamed(query, rename):
    query = query.copy()
    query.var_names = [rename(name) for name in query.var_names]
    return query


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda query: renamed(query, lambda name: f"no {name}"), "0 of the model's 300 genes"),
        (
            lambda query: renamed(query, lambda name: name.upper() if name.islower() else name.lower()),
            "upper and lower",
        ),
        (lambda query: renamed(query, lambda name: f"hg19_{name}"), "prefixes"),
    ],
)
def test_other_genes_are_refused_with_a_cause(referenced, changes, change, message):
    query = change(referenced.query)
    since = changes(query)
    with pytest.raises(ValueError, match=message):
        cr.map(query, referenced.model)
    assert not since()


def test_other_bad_input(referenced, changes, tmp_path):
    query, model = referenced.query, referenced.model
    logged = query.copy()
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    empty = query.copy()
    counts = empty.X.tolil()
    counts[3] = 0
    counts[3, 0] = 1
    empty.X = counts.tocsr()
    twice = query.copy()
    twice.var["symbol"] = [query.var_names[1], *query.var_names[1:]]
    since = changes(query)
    for data, options, error, message in [
        (logged, {}, ValueError, "log-normalised"),
        (empty[:, 1:].copy(), {}, ValueError, "no counts"),
        (twice, {"gene_symbols": "symbol"}, ValueError, "more than once"),
        (query, {"gene_symbols": "nothing"}, KeyError, "not a column"),
        (query, {"batch_key": "nothing"}, KeyError, "not a column"),
        (query, {"layer": "nothing"}, KeyError, "not a layer"),
        (query, {"groupby": "nothing"}, KeyError, "not a column"),
        (query, {"label_added": "type"}, ValueError, "already a column"),
        (query, {"key_added": "a/b"}, ValueError, "slot"),
    ]:
        with pytest.raises(error, match=message):
            cr.map(data, model, **options)
    for given, error, message in [
        ("no such model", FileNotFoundError, "pbmc"),
        (tmp_path / "nothing", FileNotFoundError, "nothing"),
        (3, TypeError, "give a ProgramVAE"),
    ]:
        with pytest.raises(error, match=message):
            cr.map(query, given)
    assert not since()


def test_a_single_cell(referenced):
    query = referenced.query[:1].copy()
    cr.map(query, referenced.model)
    assert cr.get.map_df(query, columns="all")["verdict"].tolist() == ["too few cells"]
    several = referenced.query[:50].copy()
    cr.map(several, referenced.model)
    # its own intercepts hardly move
    assert np.nanmax(np.abs(several.obsm["X_programs"][0] - query.obsm["X_programs"][0])) < 1


def test_batches_of_other_names_and_of_the_same(referenced, planted, model):
    """A batch with a name of the reference's uses its intercepts; the verdict tells that the cells are others."""
    query = planted.adata
    same = cr.map(query.copy(), model, batch_key="batch")
    np.testing.assert_allclose(
        same.module.decoder.categorical[0].detach(), model.module.decoder.categorical[0].detach(), atol=1e-6
    )
    query.obs["batch"] = query.obs["batch"].astype(str).replace({"two": "three"})
    counts = query.X.toarray()
    counts[query.obs["batch"] == "three", ::3] //= 2
    query.X = sparse.csr_matrix(counts)
    other = cr.map(query, model, batch_key="batch")
    tables = [one.module.decoder.categorical[0].detach().numpy() for one in (model, other)]
    np.testing.assert_array_equal(tables[1][0], tables[0][0])
    assert not np.allclose(tables[1][1], tables[0].mean(axis=0))


def test_it_can_be_repeated_and_the_result_survives_files(referenced, tmp_path):
    query = referenced.query
    for _ in range(2):
        cr.map(query, referenced.model, label_added="label", p_added="p")
    import anndata as ad

    query.write_h5ad(tmp_path / "query.h5ad")
    query.write_zarr(tmp_path / "query.zarr")
    for again in (ad.read_h5ad(tmp_path / "query.h5ad"), ad.read_zarr(tmp_path / "query.zarr")):
        pd.testing.assert_frame_equal(
            cr.get.map_df(again, columns="all"), cr.get.map_df(query, columns="all"), check_dtype=False
        )
        assert (cr.get.like_reference(again) == cr.get.like_reference(query)).all()
    part = query[:20].copy()
    assert len(cr.get.map_cells_df(part)) == 20


def test_an_uncalibrated_model_gives_activities_only(planted, model, caplog):
    cr.map(planted.adata, model)
    assert "not calibrated" in caplog.text
    assert "X_programs" in planted.adata.obsm and "map" not in planted.adata.uns


def test_exported_and_mapped(referenced, tmp_path):
    path = referenced.model.export(tmp_path / "model.zip")
    other = referenced.query.copy()
    cr.map(referenced.query, referenced.model)
    cr.map(other, path)
    np.testing.assert_array_equal(other.obsm["X_programs"], referenced.query.obsm["X_programs"])
    pd.testing.assert_frame_equal(cr.get.map_cells_df(other), cr.get.map_cells_df(referenced.query))


def test_the_model_in_the_package():
    """Blood that it was partly trained on; the benchmark has what it has not seen."""
    adata = cr.datasets.pbmc68k()
    mapped = cr.map(adata, "pbmc", layer="counts", groupby="bulk_labels", label_added="label")
    assert len(mapped.program_names) > 40
    label, published = adata.obs["label"].astype(str), adata.obs["bulk_labels"].astype(str)
    # only 268 of the model's 1,904 genes are in these data
    assert (cr.get.programs_df(adata, columns="all")["measured"] < 0.5).sum() > 10
    for name, right in (("CD34+", "Progenitor"), ("CD19+ B", "B cell"), ("CD56+ NK", "NK cell")):
        assert (label[published == name] == right).mean() > 0.7, name


def test_too_few_genes_are_refused(referenced, changes):
    most = np.argsort(-np.asarray(referenced.query.X.sum(axis=0)).ravel())[:12]
    query = referenced.query[:, most].copy()
    query = query[np.asarray(query.X.sum(axis=1)).ravel() > 0].copy()
    since = changes(query)
    with pytest.raises(ValueError, match="programs have at least half of their weight; 2 are needed"):
        cr.map(query, referenced.model)
    assert not since()


def test_genes_without_counts_are_not_measured(referenced):
    """A file that was filled with zeros gives what the genes that were measured give."""
    query = referenced.query
    absent = np.arange(0, query.n_vars, 3)
    filled = query.copy()
    counts = filled.X.tolil()
    counts[:, absent] = 0
    filled.X = counts.tocsr()
    expected = np.zeros(query.n_vars)
    expected[absent] = np.asarray(query.X[:, absent].sum(axis=0)).ravel()
    mapped = cr.map(filled, referenced.model)
    gone = query.var_names[expected > 100]
    assert len(gone) > 50 and not set(gone) & set(mapped.genes)
    assert (mapped.measured_weight < 1).all()


def test_a_mapped_model_gives_verdicts_too(referenced):
    half = referenced.query[:, ::2].copy()
    mapped = cr.map(half, referenced.model, groupby="type")
    again = half.copy()
    cr.map(again, mapped, groupby="type")
    tables = [cr.get.map_df(one, columns="all")[["group", "label"]] for one in (half, again)]
    pd.testing.assert_frame_equal(*tables)
