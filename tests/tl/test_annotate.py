import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import crystallin as cr
from crystallin.tl._name._cell_labels import cell_probabilities, finest_sure
from crystallin.tl._name._evidence import gene_evidence
from crystallin.tl._name._markers import Markers
from crystallin.tl._name._naming import Naming, Needs
from crystallin.tl._shared import choose_cells

GENES = 15
PROGRAMS = ("lineage", "one", "two", "other", "absent", "shared")
PARENTS = {"one": "lineage", "two": "lineage"}
# programs that are on in each type; "nameless" has but the genes that it shares with kind 3
ON = {
    "kind 1": ("lineage", "one"),
    "kind 2": ("lineage", "two"),
    "kind 3": ("other", "shared"),
    "nameless": ("shared",),
}
N_EACH = 70


@pytest.fixture(scope="module")
def _typed():
    """Cells of four kinds; programs of three, in a hierarchy, and of one that is nowhere."""
    rng = np.random.default_rng(0)
    n_genes = GENES * len(PROGRAMS) + 60
    genes = {name: np.arange(i * GENES, (i + 1) * GENES) for i, name in enumerate(PROGRAMS)}
    kinds = np.repeat(list(ON), N_EACH)
    log_rate = np.tile(rng.normal(0, 0.5, n_genes), (len(kinds), 1))
    for kind, programs in ON.items():
        for program in programs:
            log_rate[np.ix_(kinds == kind, genes[program])] += 1.5
    rate = np.exp(log_rate)
    counts = rng.poisson(rate / rate.sum(1, keepdims=True) * 1200).astype(np.float32)
    counts[0] += 1
    obs = pd.DataFrame(
        {
            "kind": pd.Categorical(kinds, [*ON]),
            "donor": [f"d{i % 4}" for i in range(len(kinds))],
            "alone": ["one" if i == 0 else str(kind) for i, kind in enumerate(kinds)],
            "measure": rng.normal(size=len(kinds)),
            "same": "all",
        },
        index=[f"c{i}" for i in range(len(kinds))],
    )
    adata = ad.AnnData(sparse.csr_matrix(counts), obs=obs)
    adata.var_names = [f"g{i}" for i in range(n_genes)]
    sets = {name: [f"g{i}" for i in genes[name]] for name in PROGRAMS if name != "shared"}
    # some of the genes of "other" are those of the nameless kind
    sets["other"] = sets["other"][:11] + [f"g{i}" for i in genes["shared"][:4]]
    cr.pp.add_programs(adata, sets, n_decoys=3)
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=80, enable_progress_bar=False, plan_kwargs={"lr": 1e-2})
    cr.tl.activity(adata, model)
    return adata, model


@pytest.fixture
def typed(_typed):
    return _typed[0].copy(), _typed[1]


@pytest.fixture
def annotated(typed):
    adata, model = typed
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, label_added="label", cell_label_added="own")
    return adata


def test_kinds_get_their_names(annotated):
    table = cr.get.annotation_df(annotated, columns="all").set_index("group")
    assert table.loc["kind 1", "path"] == "lineage > one"
    assert table.loc["kind 2", "path"] == "lineage > two"
    assert table.loc["kind 3", "label"] == "other"
    assert (table["n_cells"] == N_EACH).all()
    named = table.iloc[:3]
    assert (named["score"] > 1).all() and (named["margin"] > 0.5).all() and (named["specificity"] > 0.8).all()
    assert (named["lower"] < named["score"]).all() and (named["score"] < named["upper"]).all()
    assert (named["stability"] > 0.8).all() and (named["reason"] == "").all() and (named["breadth"] > 4).all()


def test_a_kind_that_no_program_names_is_unassigned(annotated):
    row = cr.get.annotation_df(annotated, "nameless", columns="all").iloc[0]
    assert row["label"] == "unassigned" and row["path"] == "" and row["reason"]


def test_a_program_that_shares_some_genes_is_not_enough(typed):
    """It is up a little, but most of its genes say no; another kind has them all."""
    adata, model = typed
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, min_score=0.2)
    row = cr.get.annotation_df(adata, "nameless", columns="all").iloc[0]
    assert row["label"] == "unassigned" and row["best"] == "other"
    assert "labels agree with it" in row["reason"] and row["support"] < 0.6
    # by its score alone it would have been named
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, min_score=0.2, min_support=0)
    assert cr.get.annotation_df(adata, "nameless", columns="all")["label"].tolist() == ["other"]


def test_why(annotated):
    table = cr.get.annotation_df(annotated, columns="all").set_index("group")
    assert "two" in table.loc["kind 2", "programs"].split(";")[:2]
    genes = table.loc["kind 2", "genes"].split(";")
    own = {f"g{i}" for i in range(2 * GENES, 3 * GENES)}
    assert len(genes) == 5 and set(genes) <= own


def test_columns_of_obs_only_if_asked_for(annotated, typed):
    adata, model = typed
    before = adata.obs.columns.tolist()
    cr.tl.annotate(adata, model, "kind")
    assert adata.obs.columns.tolist() == before
    assert {"label", "own", "own_probability"} <= set(annotated.obs)
    assert annotated.obs["label"].astype(str).unique().tolist() == ["one", "two", "other", "unassigned"]
    assert annotated.obs["own_probability"].between(0, 1).all()


def test_labels_of_cells_follow_the_cell_not_its_group(typed):
    """Some cells are put into the wrong group; their own labels say where they belong."""
    adata, model = typed
    kind = adata.obs["kind"].astype(str).to_numpy()
    wrong = np.arange(0, N_EACH, 10)
    kind[wrong] = "kind 3"
    adata.obs["mixed"] = kind
    cr.tl.annotate(adata, model, "mixed", parents=PARENTS, label_added="label", cell_label_added="own")
    assert (adata.obs["label"].iloc[wrong] == "other").all()
    assert (adata.obs["own"].iloc[wrong] == "one").mean() > 0.8
    cr.tl.annotate(adata, model, "mixed", parents=PARENTS, cell_label_added="own", min_probability=1.0)
    assert (adata.obs["own"] == "unassigned").mean() > 0.5


def test_probabilities_of_labels_are_sums_over_groups():
    """Against the closed form for normal classes with a common covariance."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [400, 200, 200])
    centre = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    values = centre[group] + rng.normal(size=(800, 2))
    names, found = cell_probabilities(values, group, ["a", "b", "a"], rng)
    density = np.exp(-0.5 * ((values[:, None] - centre) ** 2).sum(2)) * [0.5, 0.25, 0.25]
    expected = (density[:, 0] + density[:, 2]) / density.sum(1)
    assert names == ["a", "b"]
    np.testing.assert_allclose(found[:, 0], expected, atol=0.12)
    assert np.abs(found[:, 0] - expected).mean() < 0.02


def test_a_cell_between_two_labels_gets_the_coarser_one():
    labels, paths = ["one", "two", "other", "unassigned"], [["lineage", "one"], ["lineage", "two"], ["other"], []]
    probability = np.array(
        [[0.9, 0.1, 0.0, 0.0], [0.4, 0.4, 0.2, 0.0], [0.3, 0.1, 0.3, 0.3], [0.0, 0.1, 0.1, 0.8], [0.0, 0.0, 0.7, 0.3]]
    )
    names, sure = finest_sure(probability, labels, paths, 0.5)
    assert names.tolist() == ["one", "lineage", "", "", "other"]
    np.testing.assert_allclose(sure, [0.9, 0.8, 0.3, 0.8, 0.7])
    # of labels as fine, the more probable one
    assert finest_sure(probability[1:2] + [[0.05, 0, 0, 0]], labels, paths, 0.2)[0].tolist() == ["one"]


def test_over_samples_intervals_are_wider_where_samples_differ(typed):
    adata, model = typed
    shift = adata.obs["donor"].map({"d0": 1.0, "d1": -1.0, "d2": 0.5, "d3": -0.5}).to_numpy()
    adata.obsm["X_programs"] = adata.obsm["X_programs"] + shift[:, None].astype(np.float32)
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, key_added="annotate")
    cells = cr.get.annotation_df(adata, columns="all").set_index("group")
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, sample_key="donor")
    samples = cr.get.annotation_df(adata, columns="all").set_index("group")
    width = lambda table: (table["upper"] - table["lower"])["kind 3"]  # noqa: E731
    assert width(samples) > 1.5 * width(cells)
    assert adata.uns["annotate"]["params"]["sample_key"] == "donor"


def test_a_group_of_one_cell_is_neither_named_nor_a_reference(typed):
    adata, model = typed
    cr.tl.annotate(adata, model, "alone", parents=PARENTS)
    row = cr.get.annotation_df(adata, "one", columns="all").iloc[0]
    assert row["n_cells"] == 1 and np.isnan(row[["lower", "upper", "stability"]].astype(float)).all()
    assert row["label"] == "unassigned" and row["reason"] == "the group has 1 cell(s), fewer than 3"
    # random groups beside a single cell of a kind: that cell is not what they are compared with
    rng = np.random.default_rng(0)
    adata.obs["mixed"] = np.where(adata.obs["kind"] == "nameless", "rest", rng.choice(["a", "b", "c"], adata.n_obs))
    adata.obs.loc[adata.obs["kind"] == "nameless", "mixed"] = "a"
    adata.obs.iloc[0, adata.obs.columns.get_loc("mixed")] = "alone"
    cr.tl.annotate(adata, model, "mixed", parents=PARENTS)
    assert (cr.get.annotation_df(adata, columns="all")["label"] == "unassigned").all()
    cr.tl.annotate(adata, model, "mixed", parents=PARENTS, min_cells=1)
    assert (cr.get.annotation_df(adata, columns="all")["label"] != "unassigned").any()


def test_whose_score_it_is(typed):
    adata, model = typed
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, min_margin=50)
    table = cr.get.annotation_df(adata, columns="all").set_index("group")
    scores = cr.get.annotation_df(adata, scores=True).set_index(["group", "label"])["score"]
    for group, row in table[table["label"] != "unassigned"].iterrows():
        assert row["score"] == pytest.approx(scores[group, row["carried_by"]])
        assert row["carried_by"] in {"lineage": ("lineage", "one", "two")}.get(row["label"], (row["label"],))
        assert row["second_score"] == pytest.approx(scores[group, row["second"]])
    # nothing is 50 ahead
    assert (table["ambiguous"] == (table["label"] != "unassigned")).all()


def test_a_users_column_is_not_lost(typed):
    adata, model = typed
    with pytest.raises(ValueError, match=r"'donor' is already a column of adata.obs"):
        cr.tl.annotate(adata, model, "kind", label_added="donor")
    with pytest.raises(ValueError, match="name two different columns"):
        cr.tl.annotate(adata, model, "kind", label_added="x", cell_label_added="x")
    for _ in range(2):
        # what it wrote itself it may write again
        cr.tl.annotate(adata, model, "kind", label_added="label", cell_label_added="own")


def test_draws_are_reproducible(typed):
    adata, model = typed
    tables = []
    for _ in range(2):
        cr.tl.annotate(adata, model, "kind", random_state=3)
        tables.append(cr.get.annotation_df(adata, columns="all"))
    pd.testing.assert_frame_equal(*tables)


def test_thresholds_are_thresholds(typed):
    adata, model = typed
    cr.tl.annotate(adata, model, "kind", min_score=50)
    assert (cr.get.annotation_df(adata, columns="all")["label"] == "unassigned").all()
    assert cr.get.annotation_df(adata, columns="all")["reason"].str.contains("below 50").all()
    cr.tl.annotate(adata, model, "kind", min_score=0, min_support=0)
    assert (cr.get.annotation_df(adata, columns="all")["label"] != "unassigned").all()
    cr.tl.annotate(adata, model, "kind", parents=PARENTS, min_margin=50)
    row = cr.get.annotation_df(adata, "kind 1", columns="all").iloc[0]
    assert (row["label"], row["finest"]) == ("lineage", "one")


def test_categories_say_which_programs_are_labels(typed, caplog):
    adata, model = typed
    with caplog.at_level(logging.WARNING):
        cr.tl.annotate(adata, model, "kind")
    assert "no categories" in caplog.text
    table = adata.uns["programs"]["table"]
    table["category"] = np.where(table["name"].isin(["one", "other"]), "cell type", "state")
    cr.tl.annotate(adata, model, "kind")
    assert adata.uns["annotate"]["params"]["labels"] == ["one", "other"]
    table["category"] = "state"
    with pytest.raises(ValueError, match="No program of the collection .* has the category 'cell type'"):
        cr.tl.annotate(adata, model, "kind")


def test_the_collections_hierarchy_skips_labels_that_are_not_there(typed):
    adata, model = typed
    table = adata.uns["programs"]["table"]
    table["parent"] = table["name"].map({"one": "between", "two": "lineage"}).fillna("")
    cr.tl.annotate(adata, model, "kind")
    table = cr.get.annotation_df(adata, columns="all").set_index("group")
    assert table.loc["kind 2", "path"] == "lineage > two" and table.loc["kind 1", "path"].endswith("one")


@pytest.mark.parametrize(("n_genes", "breadth", "named"), [(12, 1.07, False), (12, 4.5, True), (3, 1.6, True)])
def test_a_label_rests_on_more_than_one_gene(n_genes, breadth, named):
    known = Markers(["one", "two"], np.array([0, 1]), np.array([-1, -1]), np.array([n_genes, n_genes]))
    score = np.array([[3.0, 0.0], [0.0, 3.0]])
    broad = np.array([[breadth, 0.0], [0.0, 6.0]])
    needs = Needs(score=1, support=2 / 3, breadth=2, margin=0.5, cells=3)
    naming = Naming(known, score, np.ones((2, 2)), broad, np.array([50, 50]), needs, None)
    assert naming.labels() == ["one" if named else "unassigned", "two"]
    assert naming.table()["reason"].tolist() == ["" if named else "'one' would rest on 1.1 genes", ""]


def test_survives_writing(annotated, tmp_path):
    annotated.write_h5ad(tmp_path / "a.h5ad")
    again = ad.read_h5ad(tmp_path / "a.h5ad")
    pd.testing.assert_frame_equal(
        cr.get.annotation_df(again, columns="all"),
        cr.get.annotation_df(annotated, columns="all"),
        check_dtype=False,
        check_column_type=False,
    )


def test_copy_leaves_the_original(typed):
    adata, model = typed
    copied = cr.tl.annotate(adata, model, "kind", copy=True)
    assert "annotate" in copied.uns and "annotate" not in adata.uns


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"groupby": "measure"}, ValueError, "holds numbers"),
        ({"groupby": "nothing"}, KeyError, "is not a column"),
        ({"groupby": "same"}, ValueError, "one group only"),
        ({"programs": ["missing"]}, KeyError, "is not one of"),
        ({"programs": []}, ValueError, "programs is empty"),
        ({"parents": {"missing": "one"}}, KeyError, "is not one of"),
        ({"parents": {"one": "two", "two": "one"}}, ValueError, "cycle"),
        ({"min_score": -1}, ValueError, "min_score"),
        ({"min_support": 2}, ValueError, "min_support"),
        ({"min_breadth": -1}, ValueError, "min_breadth"),
        ({"min_probability": 2}, ValueError, "min_probability"),
        ({"label_added": "kind"}, ValueError, "would be lost"),
        ({"cell_label_added": "kind"}, ValueError, "would be lost"),
        ({"min_cells": 0}, ValueError, "min_cells"),
        ({"sample_key": "nothing"}, KeyError, "is not a column"),
        ({"kind": "both"}, ValueError, "kind='both' is not one of 'unique', 'total'"),
    ],
)
def test_bad_input(typed, arguments, error, match):
    adata, model = typed
    with pytest.raises(error, match=match):
        cr.tl.annotate(adata, model, **{"groupby": "kind", **arguments})
    assert "annotate" not in adata.uns


def test_activities_missing(typed):
    adata, model = typed
    del adata.obsm["X_programs"]
    with pytest.raises(KeyError, match="no activities"):
        cr.tl.annotate(adata, model, "kind")


def test_five_hundred_groups(typed):
    adata, model = typed
    adata = ad.concat([adata] * 2, merge="same", uns_merge="same", index_unique="-")
    adata.obs["many"] = [f"group {i % 500}" for i in range(adata.n_obs)]
    cr.tl.annotate(adata, model, "many", parents=PARENTS)
    table = cr.get.annotation_df(adata, columns="all")
    assert len(table) == 500 and (table["label"] == "unassigned").all()


@pytest.mark.parametrize("kind", ["unique", "total"])
def test_genes_agree_by_what_they_contribute_to_the_reading(typed, kind):
    adata, model = typed
    chosen = choose_cells(adata, "kind")
    labels = np.array([model.program_names.tolist().index(name) for name in ("other", "one")])
    # off in the last two kinds, and in the first and third one
    off = np.array([[False, True], [False, False], [True, True], [True, False]])
    found = gene_evidence(adata, model, chosen, labels, off, kind)
    parts = model.get_attributions(
        adata, kind=kind, method="contributions", statistic="average_cell", groups=adata.obs["kind"]
    )
    gene, excess = found.of(0, 1)
    assert len(gene) == GENES
    values = parts[:, gene, labels[1]]
    np.testing.assert_allclose(excess, values[0] - values[2], atol=1e-5)
    half = (values[[1, 3]].mean(0) - values[[2]].mean(0)) / 2
    np.testing.assert_allclose(found.needed[0, found.label == 1], np.clip(half, 0, None), atol=1e-5)
    others = {"unique": "total", "total": "unique"}
    other = gene_evidence(adata, model, chosen, labels, off, others[kind])
    assert not np.allclose(found.excess, other.excess, atol=1e-4)


def test_labels_from_totals(typed, exchanged, earlier):
    adata, model = typed
    options = {"groupby": "kind", "parents": PARENTS, "label_added": "label", "cell_label_added": "own"}
    cr.tl.annotate(adata, model, kind="total", **options)
    table = cr.get.annotation_df(adata, columns="all").set_index("group")
    # coarser and finer program share no genes here, so totals do not blur them
    assert table["path"].to_dict() == {"kind 1": "lineage > one", "kind 2": "lineage > two", "kind 3": "other"} | {
        "nameless": table.loc["nameless", "path"]
    }
    other = exchanged(typed[0])
    cr.tl.annotate(other, model, **options)
    # evidence of genes comes from the model, in the reading that is asked for
    for scores in (False, True):
        found, expected = (
            cr.get.annotation_df(data, scores=scores).drop(columns=["support", "breadth", "genes"], errors="ignore")
            for data in (adata, other)
        )
        pd.testing.assert_frame_equal(found, expected)
    for column in ("label", "own", "own_probability"):
        assert adata.obs[column].equals(other.obs[column])
    params = (data.uns["annotate"]["params"] for data in (adata, other))
    assert [found["kind"] for found in params] == ["total", "unique"]
    old = earlier(adata)
    del old.uns["annotate"]
    with pytest.raises(KeyError, match="no total activities under 'X_programs_total'"):
        cr.tl.annotate(old, model, "kind", kind="total")
    assert "annotate" not in old.uns
