"""Labels by likeness to profiles of known types of cells, which do not depend on the other cells of the data."""

import logging

import numpy as np
import pandas as pd
import pytest

import crystallin as cr
from crystallin.programs import blood_profiles, read_gene_sets
from crystallin.stats import Likeness
from crystallin.tl._name._footing import Footing
from crystallin.tl._name._markers import Markers
from crystallin.tl._name._naming import Naming, Needs

LINEAGES = {
    "CD14+ Monocyte": "Monocyte",
    "CD19+ B": "B cell",
    "CD34+": "Haematopoietic progenitor",
    "CD4+/CD25 T Reg": "T cell",
    "CD8+ Cytotoxic T": "T cell",
    "CD8+/CD45RA+ Naive Cytotoxic": "T cell",
    "CD4+/CD45RO+ Memory": "T cell",
    "CD4+/CD45RA+/CD25- Naive T": "T cell",
    "CD56+ NK": "NK cell",
    "Dendritic": "Dendritic cell",
}


def fitted(adata, sets="immune"):
    """A model of few epochs: lineages are told by counts."""
    model = cr.fit(adata, sets, layer="counts", min_genes=3, max_epochs=3)
    return adata, model


@pytest.fixture(scope="module")
def _blood():
    return fitted(cr.datasets.pbmc68k())


@pytest.fixture
def blood(_blood):
    adata, model = _blood
    return adata.copy(), model


def lineage_of(adata) -> dict[str, str]:
    table = cr.get.annotation_df(adata, columns="all").set_index("group")
    return table["path"].str.split(" > ").str[0].to_dict()


def test_all_lineages_of_blood_are_named(blood):
    adata, model = blood
    cr.tl.annotate(adata, model, "bulk_labels")
    assert lineage_of(adata) == LINEAGES
    table = cr.get.annotation_df(adata)
    assert table["likeness"].between(0.5, 1).all()
    assert (table["agreement"] > 0.5).all()


@pytest.mark.parametrize("name", ["CD19+ B", "CD56+ NK", "CD14+ Monocyte"])
def test_names_do_not_depend_on_the_other_cells(blood, name):
    adata, model = blood
    cr.tl.annotate(adata, model, "bulk_labels")
    table = cr.get.annotation_df(adata, columns="all").set_index("group")
    alone = adata[adata.obs["bulk_labels"] == name].copy()
    # there is nothing to compare with
    cr.tl.annotate(alone, model, "bulk_labels")
    of_alone = cr.get.annotation_df(alone, columns="all").set_index("group")
    assert lineage_of(alone) == {name: LINEAGES[name]}
    for column in ("likeness", "agreement"):
        assert of_alone.loc[name, column] == pytest.approx(table.loc[name, column])


def test_a_lineage_without_a_label_is_unassigned_and_named_in_the_reason():
    read = read_gene_sets("immune")
    sets = {name: list(part["target"]) for name, part in read.edges.groupby("source") if name != "NK cell"}
    adata, model = fitted(cr.datasets.pbmc68k(), sets)
    labels = [name for name in read.meta.index[read.meta["category"] == "cell type"] if name in model.program_names]
    parents = {name: read.meta["parent"][name] for name in labels if read.meta["parent"][name] in labels}
    cr.tl.annotate(adata, model, "bulk_labels", programs=labels, parents=parents)
    row = cr.get.annotation_df(adata, columns="all").set_index("group").loc["CD56+ NK"]
    assert row["label"] == "unassigned"
    assert row["reason"] == "it is most like 'NK cell', for which the collection has no label"
    assert lineage_of(adata)["CD8+ Cytotoxic T"] == "T cell"


def test_without_profiles_groups_are_compared_with_each_other_only(blood):
    adata, model = blood
    cr.tl.annotate(adata, model, "bulk_labels", profiles=None)
    table = cr.get.annotation_df(adata, columns="all")
    assert "likeness" not in table
    assert "likeness" not in adata.uns["annotate"]["scores"]
    alone = adata[adata.obs["bulk_labels"] == "CD19+ B"].copy()
    with pytest.raises(ValueError, match="bulk_labels"):
        cr.tl.annotate(alone, model, "bulk_labels", profiles=None)


def test_a_table_of_profiles_is_used_as_the_built_in_one(blood):
    adata, model = blood
    cr.tl.annotate(adata, model, "bulk_labels")
    expected = cr.get.annotation_df(adata, columns="all")
    # the scale of a type does not matter
    table = blood_profiles() * np.arange(1, 10)
    cr.tl.annotate(adata, model, "bulk_labels", profiles=table)
    pd.testing.assert_frame_equal(cr.get.annotation_df(adata, columns="all"), expected)
    assert list(adata.uns["annotate"]["params"]["profiles"]) == table.columns.tolist()


def test_ambiguous_labels_are_marked_if_asked(blood):
    adata, model = blood
    half = adata.obs["bulk_labels"].isin(["CD56+ NK", "CD8+ Cytotoxic T"])
    adata.obs["mixed"] = np.where(half, "both", "rest")
    cr.tl.annotate(adata, model, "mixed", min_margin=5, label_added="label", mark_ambiguous=True)
    row = cr.get.annotation_df(adata, columns="all").set_index("group").loc["both"]
    assert row["ambiguous"]
    assert set(adata.obs.loc[half, "label"]) == {f"{row['label']}?"}
    # it is recognised as its own column
    cr.tl.annotate(adata, model, "mixed", min_margin=5, label_added="label")
    assert set(adata.obs.loc[half, "label"]) == {row["label"]}


def test_few_genes_of_the_labels_are_mentioned(blood, caplog):
    adata, model = blood
    table = adata.uns["programs"]["table"]
    adata.uns["programs"]["table"] = table.assign(coverage=np.where(table["category"] == "cell type", 0.2, 1.0))
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        cr.tl.annotate(adata, model, "bulk_labels")
    assert "labels have less than a third of their genes in the data" in caplog.text


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ("lung", "give 'blood', None, or a pandas DataFrame"),
        (pd.DataFrame({"T cell": ["a"]}, index=["CD3D"]), "have to be numbers of at least 0"),
        (pd.DataFrame({"T cell": [-1.0]}, index=["CD3D"]), "have to be numbers of at least 0"),
        (pd.DataFrame({"T cell": [1.0, 1.0]}, index=["CD3D", "CD3D"]), "and unique"),
        (pd.DataFrame({"T cel": [1.0]}, index=["CD3D"]), "none of the types ('T cel') has the name of a label"),
    ],
)
def test_bad_profiles(blood, changes, profiles, message):
    adata, model = blood
    changed = changes(adata)
    with pytest.raises(ValueError) as raised:
        cr.tl.annotate(adata, model, "bulk_labels", profiles=profiles)
    assert message in str(raised.value)
    assert not changed()


def test_a_lineage_of_another_name_takes_the_types_that_its_genes_tell():
    """Labels of one's own are mixed with names that have profiles."""
    read = read_gene_sets("immune")
    wanted = {"T cell": "T cell", "B cell": "B cell", "NK cell": "NK cell", "Monocyte": "Myeloid"}
    sets = {wanted[name]: list(part["target"]) for name, part in read.edges.groupby("source") if name in wanted}
    adata, model = fitted(cr.datasets.pbmc68k(), sets)
    cr.tl.annotate(adata, model, "bulk_labels", programs=list(sets))
    table = cr.get.annotation_df(adata, columns="all").set_index("group")
    assert table.loc["CD14+ Monocyte", "label"] == "Myeloid"
    assert table.loc["CD19+ B", "label"] == "B cell"
    # progenitors are of a type without a label
    assert table.loc["CD34+", "label"] == "unassigned"
    assert "Haematopoietic progenitor" in table.loc["CD34+", "reason"]


def test_labels_that_were_left_out_are_named_if_a_group_has_no_name(blood, caplog):
    adata, model = blood
    with caplog.at_level(logging.WARNING, logger="crystallin"):
        cr.tl.annotate(adata, model, "bulk_labels")
        assert "left out when programs were added" not in caplog.text
        adata.obs["few"] = np.where(np.arange(adata.n_obs) < 2, "two cells", "rest")
        cr.tl.annotate(adata, model, "few")
    assert "Labels that were left out when programs were added" in caplog.text
    assert "'Platelet' (0 of 34 genes)" in caplog.text


def test_genes_of_a_lineage_that_likeness_decides_need_not_agree_with_a_finer_label():
    """Plasma cells are B cells that hardly express the genes of these."""
    known = Markers(["B cell", "Plasma cell", "Memory B cell"], np.arange(3), np.array([-1, 0, 0]), np.full(3, 20))
    alike = Likeness(np.array([[0.5, np.nan, np.nan]]), np.array([[0.4, 0.9, 0.1]]), np.full(3, 0.4))
    footing = Footing(alike, np.array([[0.5, 1.0, -np.inf]]), np.zeros(3, int), np.array([-np.inf]), np.array([""]))
    needs = Needs(score=1, support=2 / 3, breadth=2, margin=0.5, cells=3)
    score, support = np.array([[0.3, 3.3, 0.2]]), np.array([[0.25, 0.86, 0.3]])

    def labels(footing):
        return Naming(known, score, support, np.full((1, 3), 5.0), np.array([30]), needs, footing).labels()

    assert labels(footing) == ["Plasma cell"]
    # without likeness the whole path has to agree
    assert labels(None) == ["unassigned"]
