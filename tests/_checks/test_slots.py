"""Where results go: nothing of the user's is overwritten, and results of replaced programs are not current."""

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

P, G = "Program/1", "cell_type"


@pytest.fixture
def read(_planted, model):
    """A query with activities and loadings, an embedding, and columns and entries of the user's."""
    adata = _planted.adata[:90].copy()
    adata.obsm["X_umap"] = np.ones((90, 2))
    adata.uns["mine"] = {"params": {"key": "programs"}, "table": pd.DataFrame({"a": [1]})}
    adata.varm["mine"] = np.ones((adata.n_vars, 2))
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    return adata


TOOLS = {
    "rank_programs_groups": lambda a, m, **k: cr.tl.rank_programs_groups(a, m, G, **k),
    "attributions": lambda a, m, **k: cr.tl.attributions(a, m, groupby=G, method="contributions", programs=P, **k),
    "annotate": lambda a, m, **k: cr.tl.annotate(a, m, G, programs=[P], **k),
    "rules": lambda a, _, **k: cr.tl.rules(a, G, n_bootstraps=0, **k),
    "contrast": lambda a, m, **k: cr.tl.contrast(a, m, P, groupby=G, group="type 1", **k),
    "leakage": lambda a, m, **k: cr.tl.leakage(a, m, max_cells=3, **k),
    "program_importance": lambda a, m, **k: cr.tl.program_importance(a, m, **k),
    "knockdown": lambda a, m, **k: cr.tl.knockdown(a, m, genes=["g1"], n_random=1, max_cells=3, **k),
    "interactions": lambda a, m, **k: cr.tl.interactions(a, m, P, n_genes=2, **k),
    "faithfulness": lambda a, m, **k: cr.tl.faithfulness(
        a, m, programs=P, methods="loadings", n_genes=[2], n_random=1, max_cells=2, **k
    ),
    "attribution_agreement": lambda a, m, **k: cr.tl.attribution_agreement(
        a, m, G, programs=P, methods=["loadings", "activity/contributions"], max_cells=2, **k
    ),
}
GETTERS = {
    "annotate": "annotation_df",
    **{name: f"{name}_df" for name in TOOLS if name != "annotate"},
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("key_added", "error", "match"),
    [
        ("a/b", ValueError, "files split names at '/'"),
        ("", ValueError, "cannot name a slot"),
        ("..", ValueError, "cannot name a slot"),
        (3, TypeError, "must be a name, not int"),
        (["x"], TypeError, "must be a name, not list"),
        ("mine", ValueError, r"would overwrite adata.uns\['mine'\], which is not a result of crystallin.tl"),
        ("programs", ValueError, "would overwrite|is a slot of the programs"),
    ],
)
def test_keys_that_cannot_be_or_are_taken(read, model, tool, key_added, error, match, changes):
    since = changes(read)
    with pytest.raises(error, match=match):
        TOOLS[tool](read, model, key_added=key_added)
    assert not since()


@pytest.mark.parametrize("tool", TOOLS)
def test_results_of_two_collections_stand_side_by_side(read, model, tool):
    cr.tl.activity(read, model, key_added="second")
    get = getattr(cr.get, GETTERS[tool])
    TOOLS[tool](read, model)
    # marked, so that it can be told from the other
    mark = read.uns[tool]["params"]["key"]
    TOOLS[tool](read, model, key="second")
    assert (mark, read.uns[f"second_{tool}"]["params"]["key"]) == ("programs", "second")
    assert read.uns[tool]["params"]["key"] == "programs"
    # read by the slot, or by the key of the programs
    pd.testing.assert_frame_equal(get(read, key="second"), get(read, key=f"second_{tool}"))
    assert len(get(read)) == len(get(read, key="second"))
    # the result of another tool is no result of this one
    other = "rules" if tool != "rules" else "annotate"
    TOOLS[other](read, model)
    with pytest.raises(KeyError, match=f"There is one under .*'second_{tool}'"):
        get(read, key=other)
    with pytest.raises(ValueError, match="not a result of"):
        TOOLS[tool](read, model, key_added=other)


@pytest.mark.parametrize("tool", TOOLS)
def test_results_of_programs_that_were_replaced_are_refused(read, model, planted, tool):
    TOOLS[tool](read, model)
    get = getattr(cr.get, GETTERS[tool])
    assert len(get(read))
    fewer = {name: planted.sets[name] for name in list(planted.sets)[:5]}
    for sets in (fewer, planted.sets):
        cr.pp.add_programs(read, sets)
        with pytest.raises(ValueError, match="belong to programs that were replaced since.*again"):
            get(read)


def test_figures_and_pages_of_replaced_programs(read, model, planted, tmp_path):
    for name in ("rank_programs_groups", "annotate", "rules", "attributions"):
        TOOLS[name](read, model)
    cr.pp.add_programs(read, planted.sets)
    for figure in (
        cr.pl.rank_programs_groups,
        cr.pl.volcano,
        cr.pl.effects,
        cr.pl.annotation,
        cr.pl.rules,
        lambda a: cr.pl.attributions(a, P),
        lambda a: cr.pl.waterfall(a, P, group="type 1"),
    ):
        with pytest.raises(ValueError, match="replaced since"):
            figure(read)
    page = cr.report(read, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Left out, because their programs have been replaced since then" in page
    assert all(f"&#39;{name}&#39;" in page for name in ("rank_programs_groups", "rules"))


def test_results_of_another_model_are_warned_of(read, model):
    TOOLS["rules"](read, model)
    read.uns["programs"]["activity_params"]["digest"] = "newer"
    with pytest.warns(UserWarning, match="The rules under 'rules' were computed with another model"):
        cr.get.rules_df(read, columns="all")
    with pytest.warns(UserWarning, match="loadings under 'programs_loadings' were computed with another model"):
        cr.get.loadings_df(read)


def test_what_another_model_said_of_programs_goes_with_its_activities(read, model, caplog):
    TOOLS["leakage"](read, model)
    assert "leakage" in cr.get.programs_df(read, columns="all")
    cr.tl.activity(read, model)
    assert "leakage" in cr.get.programs_df(read, columns="all")
    read.uns["programs"]["activity_params"]["digest"] = "older"
    with caplog.at_level(logging.INFO, logger="crystallin"):
        cr.tl.activity(read, model)
    assert (
        "leakage" not in cr.get.programs_df(read, columns="all") and "Dropped leakage, leakage_encoder" in caplog.text
    )
    assert "n_present" in cr.get.programs_df(read, columns="all")


@pytest.mark.parametrize(
    ("key_added", "match"),
    [
        # obsm["X_umap"] is the user's
        ("umap", r"would overwrite adata.obsm\['X_umap'\], which crystallin did not write"),
        ("mine", r"adata.uns\['mine'\], adata.varm\['mine'\]"),
        ("programs_loadings", r"varm\['programs_loadings'\]"),
        ("a/b", "files split names"),
        ("", "cannot name a slot"),
    ],
)
def test_keys_of_programs(read, planted, model, key_added, match, changes):
    since = changes(read)
    for call in (
        lambda: cr.pp.add_programs(read, planted.sets, key_added=key_added),
        lambda: cr.tl.activity(read, model, key_added=key_added),
        lambda: cr.fit(read, planted.sets, max_epochs=1, key_added=key_added),
    ):
        with pytest.raises(ValueError, match=match):
            call()
        assert not since()


def test_an_embedding_that_came_later_is_not_taken_for_activities(read, planted):
    del read.obsm["X_umap"]
    cr.pp.add_programs(read, planted.sets, key_added="umap")
    read.obsm["X_umap"] = np.zeros((read.n_obs, 2))
    with pytest.raises(ValueError, match=r"obsm\['X_umap'\]"):
        cr.pp.add_programs(read, planted.sets, key_added="umap")
    # loadings of one collection would be the prior of another
    with pytest.raises(ValueError, match="shares slot"):
        cr.pp.add_programs(read, planted.sets, key_added="umap_loadings")


def test_columns_of_labels(read, model, changes):
    read.obs["own_probability"] = 7.0
    read.obs["label"] = "published"
    since = changes(read)
    for columns, match in (
        ({"cell_label_added": "own"}, "'own_probability' is already a column of adata.obs, which would be lost"),
        ({"label_added": "label"}, "'label' is already a column of adata.obs"),
        ({"label_added": "x", "cell_label_added": "x"}, "name two different columns"),
        ({"label_added": "x_probability", "cell_label_added": "x"}, "name two different columns"),
        ({"label_added": "a/b"}, "files split names"),
        ({"label_added": G}, "is already a column of adata.obs"),
    ):
        with pytest.raises(ValueError, match=match):
            TOOLS["annotate"](read, model, **columns)
        assert not since()
    del read.obs["own_probability"], read.obs["label"]
    for _ in range(2):
        # what it wrote itself it may write again
        TOOLS["annotate"](read, model, label_added="label", cell_label_added="own")
    # but not what it reads from
    read.obs["label"] = pd.Categorical(np.arange(90) % 2)
    with pytest.raises(ValueError, match="'label' is already a column"):
        cr.tl.annotate(read, model, "label", programs=[P], label_added="label")


def test_metadata_of_programs_travel_with_the_model(planted, tmp_path):
    adata = planted.adata
    reference = adata[:300].copy()
    table = pd.DataFrame(
        [(name, gene) for name, genes in planted.sets.items() for gene in genes], columns=["source", "target"]
    )
    cr.pp.add_programs(reference, table, n_decoys=2)
    programs = reference.uns["programs"]["table"]
    programs["category"] = np.where(np.arange(len(programs)) < 3, "cell type", "pathway")
    programs["parent"] = ""
    programs["leakage"] = 0.5
    cr.ProgramVAE.setup_anndata(reference)
    model = cr.ProgramVAE(reference)
    model.train(max_epochs=2, posterior_epochs=0, enable_progress_bar=False)
    model.save(tmp_path / "model")
    for again in (model, cr.ProgramVAE.load(tmp_path / "model", reference)):
        query = adata[300:].copy()
        cr.tl.activity(query, again)
        ours, theirs = (cr.get.programs_df(a, decoys=True, columns="all") for a in (query, reference))
        # what a tool said of another data set's cells stays there
        # pandas 3 holds text in either of two dtypes
        ours, theirs = (frame.set_axis(frame.index.astype(object)) for frame in (ours, theirs))
        pd.testing.assert_frame_equal(ours, theirs.drop(columns="leakage"), check_like=True, check_dtype=False)
        cr.tl.annotate(query, again, G)
        assert set(query.uns["annotate"]["params"]["labels"]) == set(theirs.index[:3])
        query.write_h5ad(tmp_path / "query.h5ad")
        back = ad.read_h5ad(tmp_path / "query.h5ad")
        pd.testing.assert_frame_equal(
            cr.get.programs_df(back, decoys=True, columns="all"), ours, check_index_type=False, check_dtype=False
        )
        # programs of a query are a start like any other
        cr.ProgramVAE.setup_anndata(back)
        assert cr.ProgramVAE(back).prior_digest == model.prior_digest


def test_without_metadata_naming_cells_is_refused(read, model):
    bare = read.uns["programs"]["table"][["name", "kept", "decoy"]].copy()
    read.uns["programs"]["table"] = bare
    with pytest.raises(ValueError, match="holds their names only.*programs="):
        cr.tl.annotate(read, model, G)
    cr.tl.annotate(read, model, G, programs=[P])


def test_the_model_knows_categories_that_programs_added_to_a_query_lack(planted):
    reference, query = planted.adata[:300].copy(), planted.adata[300:].copy()
    cr.pp.add_programs(reference, planted.sets)
    reference.uns["programs"]["table"]["category"] = ["cell type"] * 3 + ["pathway"] * 5
    cr.ProgramVAE.setup_anndata(reference)
    model = cr.ProgramVAE(reference)
    model.train(max_epochs=2, posterior_epochs=0, enable_progress_bar=False)
    # the same sets, from a source that says nothing else of them
    cr.pp.add_programs(query, planted.sets)
    cr.tl.activity(query, model)
    cr.tl.annotate(query, model, G)
    assert set(query.uns["annotate"]["params"]["labels"]) == set(list(planted.sets)[:3])


def test_matrices_with_names_are_read_by_these(read, model):
    cr.tl.rank_programs_groups(read, model, G)
    activity, ranking = cr.get.activity_df(read), cr.get.rank_programs_groups_df(read, columns="all")
    loadings = cr.get.loadings_df(read)
    names = [str(name) for name in read.uns["programs"]["names"]]
    for where, slot, index in (
        ("obsm", "X_programs", read.obs_names),
        ("obsm", "programs_sd", read.obs_names),
        ("varm", "programs_loadings", read.var_names),
    ):
        values = getattr(read, where)[slot]
        getattr(read, where)[slot] = pd.DataFrame(values, index, names)[names[::-1]]
    pd.testing.assert_frame_equal(cr.get.activity_df(read), activity)
    np.testing.assert_array_equal(cr.get.activity(read).X, activity.to_numpy())
    pd.testing.assert_frame_equal(cr.get.loadings_df(read), loadings)
    cr.tl.rank_programs_groups(read, model, G)
    pd.testing.assert_frame_equal(cr.get.rank_programs_groups_df(read, columns="all"), ranking)
    read.obsm["X_programs"] = read.obsm["X_programs"].rename(columns={names[0]: "other"})
    with pytest.raises(ValueError, match=r"aligned by its index, which lacks 1 of the 16 programs, e.g. 'Program/0'"):
        cr.get.activity_df(read)
    read.obsm["X_programs"] = np.zeros((90, 3))
    with pytest.raises(ValueError, match=r"has shape \(90, 3\), but there are 16 programs"):
        cr.tl.rules(read, G)


def test_masks_of_cells_are_read_by_name(read, model):
    mask = pd.Series(np.arange(90) < 5, index=read.obs_names)
    options = {"level": "cell", "programs": P, "genes": ["g1", "g2"], "method": "contributions"}
    for cells in (mask, mask.sample(frac=1, random_state=0), mask.to_numpy(), mask.index[:5], range(5)):
        cr.tl.attributions(read, model, cells=cells, **options)
        assert read.uns["attributions"]["cells"].tolist() == list(read.obs_names[:5])
    with pytest.raises(ValueError, match="cells is aligned by its index"):
        cr.tl.attributions(read, model, cells=mask.set_axis([f"x{i}" for i in range(90)]), **options)


def test_baselines_are_read_by_gene(read, model):
    profile = pd.Series(np.arange(1.0, 241.0), index=read.var_names)
    found = []
    for baseline in (profile, profile[::-1], profile.to_numpy()):
        cr.tl.attributions(read, model, groupby=G, programs=P, cells=range(20), baseline=baseline)
        found.append(read.varm["attributions"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    with pytest.raises(ValueError, match="baseline is aligned by its index, which lacks 140 of the 240 genes"):
        cr.tl.attributions(read, model, groupby=G, programs=P, cells=range(20), baseline=profile[:100])


def test_labels_that_were_edited_are_the_users(read, model):
    TOOLS["annotate"](read, model, label_added="label", cell_label_added="own")
    # a call that writes no columns does not forget those written before
    TOOLS["annotate"](read, model)
    TOOLS["annotate"](read, model, label_added="label", cell_label_added="own")
    part = read[:40].copy()
    TOOLS["annotate"](part, model, label_added="label")
    labels = read.obs["label"].astype(str)
    labels.iloc[:5] = "mine"
    read.obs["label"] = labels
    with pytest.raises(ValueError, match="'label' is already a column of adata.obs, which would be lost"):
        TOOLS["annotate"](read, model, label_added="label")
    for column in ("", "_index"):
        with pytest.raises(ValueError, match="cannot name a slot|index of adata.obs"):
            TOOLS["annotate"](read, model, cell_label_added=column)


def test_activities_of_the_encoder_are_not_the_refined_ones(read, model):
    TOOLS["rules"](read, model)
    TOOLS["leakage"](read, model)
    cr.tl.activity(read, model, refine=False)
    with pytest.warns(UserWarning, match="another state of it"):
        cr.get.rules_df(read, columns="all")
    assert "leakage" not in cr.get.programs_df(read, columns="all")


def test_what_two_annotated_data_share_is_not_changed(read, model, changes):
    other = ad.AnnData(read.X, read.obs, read.var, uns=dict(read.uns), obsm=dict(read.obsm), varm=dict(read.varm))
    since = changes(read)
    TOOLS["leakage"](other, model)
    TOOLS["program_importance"](other, model)
    cr.tl.activity(other, model, refine=False)
    cr.tl.loadings(other, model)
    assert not {place for place in since() if "programs" in place}


def test_columns_named_like_programs_do_not_get_in_the_way(read):
    read.obs[P] = 1.0
    acts = cr.get.activity(read)
    assert P not in acts.obs and P in acts.var_names and P in read.obs


def test_parts_that_are_gone_are_named(read, model):
    TOOLS["attributions"](read, model)
    lost = read.copy()
    del lost.varm["attributions"]
    with pytest.raises(KeyError, match="no attributions under 'attributions'"):
        cr.get.attributions_df(lost)
    del read.obsm["programs_sd"]
    for call in (cr.get.activity, cr.get.activity_df, lambda a: cr.tl.rules(a, G)):
        with pytest.raises(KeyError, match="standard deviations are needed as well"):
            call(read)
