import numpy as np
import pandas as pd
import pytest

from crystallin.programs import align, read_gene_sets

GENES = ["CD3E", "CD3D", "CD2", "MS4A1", "CD79A", "LYZ"]


def aligned(source, genes=GENES, min_genes=1, max_genes=None):
    return align(read_gene_sets(source), genes, min_genes=min_genes, max_genes=max_genes)


def test_matrix_and_table():
    programs = aligned({"T": ["CD3E", "CD3D", "CD2", "TRAC"], "B": ["CD79A", "MS4A1"], "one": ["LYZ"]}, min_genes=2)
    assert programs.names.tolist() == ["T", "B"]
    assert programs.matrix.dtype == np.float32
    np.testing.assert_array_equal(programs.matrix.toarray(), [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 0]])
    table = programs.table.set_index("name")
    assert table.loc["T", ["n_genes", "n_present", "coverage", "missing"]].tolist() == [4, 3, 0.75, "TRAC"]
    assert table["kept"].tolist() == [True, True, False]
    assert table.loc["one", "reason"] == "fewer than min_genes=2 genes present"


def test_max_genes_counts_genes_present():
    programs = aligned({"T": ["CD3E", "CD3D", "x1", "x2", "x3"], "all": GENES}, max_genes=4)
    assert programs.names.tolist() == ["T"]
    assert "more than max_genes=4" in programs.table.set_index("name").loc["all", "reason"]


def test_signed_weights_are_kept():
    net = pd.DataFrame({"source": "p", "target": ["CD3E", "LYZ"], "weight": [0.5, -2.0]})
    programs = aligned(net)
    assert programs.matrix.toarray()[:, 0].tolist() == [0.5, 0, 0, 0, 0, -2.0]
    assert programs.table["signed"].tolist() == [True]


def test_identical_sets_are_merged_with_a_warning_that_names_them():
    sets = {"T": ["CD3E", "CD3D"], "T again": ["CD3D", "CD3E", "absent"], "B": ["MS4A1"]}
    with pytest.warns(UserWarning, match="T = T again"):
        programs = aligned(sets)
    assert programs.names.tolist() == ["T", "B"]
    assert programs.table.set_index("name").loc["T again", "reason"] == "identical to T"


def test_same_genes_with_other_signs_are_not_identical():
    net = pd.DataFrame({"source": ["a", "b"], "target": "LYZ", "weight": [1, -1]})
    assert aligned(net).names.tolist() == ["a", "b"]


def test_a_symbol_of_several_rows_makes_all_of_them_members():
    programs = aligned({"p": ["CD3E", "LYZ"]}, genes=["CD3E", "LYZ", "CD3E", ""])
    assert programs.matrix.toarray()[:, 0].tolist() == [1, 1, 1, 0]
    assert programs.table["n_present"].tolist() == [2]


def test_permuting_genes_permutes_the_prior():
    rng = np.random.default_rng(0)
    order = rng.permutation(len(GENES))
    sets = {"T": ["CD3E", "CD3D", "CD2"], "B": ["CD79A", "MS4A1"]}
    straight, permuted = aligned(sets), aligned(sets, genes=[GENES[i] for i in order])
    np.testing.assert_array_equal(straight.matrix.toarray()[order], permuted.matrix.toarray())


@pytest.mark.parametrize(
    ("given", "genes", "cause"),
    [
        (["CD3E", "CD3D"], ["ENSG00000198851", "ENSG00000167286"], "gene_symbols="),
        (["ENSG00000198851"], ["CD3E"], "programs have Ensembl ids"),
        (["ENSMUSG00000032093"], ["ENSG00000198851"], "species"),
        (["Cd3e", "Cd3d"], ["CD3E", "CD3D"], "2 names agree when upper and lower case are ignored"),
        (["916"], ["CD3E"], "type of identifier"),
    ],
)
def test_nothing_matches_shows_both_sides_and_the_likely_cause(given, genes, cause):
    with pytest.raises(ValueError, match=cause) as error:
        aligned({"p": given}, genes=genes)
    assert f"programs: {', '.join(given[:5])}" in str(error.value)
    assert f"data:     {', '.join(genes[:5])}" in str(error.value)


HUMAN = [f"GENE{i}" for i in range(100)]


@pytest.mark.parametrize(
    ("genes", "cause"),
    [
        # a few symbols are the same in both species
        (
            [*map(str.capitalize, HUMAN[4:]), *HUMAN[:4]],
            r"100 names agree when upper and lower case are ignored \(4 oth",
        ),
        ([*(f"{name}.{i}" for i, name in enumerate(HUMAN[1:])), "GENE0"], "100 names agree when version suffixes"),
        ([*(f"hg19_{name}" for name in HUMAN[1:]), "GENE0"], "100 names agree when prefixes of the data's genes"),
        ([*(f"ENSG{i:011d}" for i in range(100)), "GENE0"], "pass gene_symbols="),
    ],
)
def test_names_that_differ_are_said_to_and_not_the_limits(genes, cause):
    with pytest.raises(ValueError, match=f"has the most, .*{cause}") as error:
        aligned({"P": HUMAN[:50], "Q": HUMAN[50:]}, genes=genes, min_genes=5)
    assert "Change these limits" not in str(error.value)
    with pytest.warns(UserWarning, match=f"Only . of 100 memberships.*{cause}"):
        aligned({"P": HUMAN[:50], "Q": HUMAN[50:]}, genes=genes, min_genes=1)


def test_ensembl_ids_with_versions_are_told_from_another_species():
    ids = [f"ENSG{i:011d}" for i in range(9)]
    with pytest.raises(ValueError, match="9 names agree when version suffixes"):
        aligned({"P": ids}, genes=[f"{name}.{i}" for i, name in enumerate(ids)])


def test_a_small_panel_is_no_difference_of_names():
    with pytest.raises(ValueError, match="Change these limits"):
        aligned({"P": HUMAN[:50]}, genes=[*HUMAN[:3], "Gene3"], min_genes=5)


def test_nothing_left_names_the_limits_and_the_best():
    with pytest.raises(ValueError, match=r"min_genes=3 .* 'T' has the most, 2 of 2"):
        aligned({"T": ["CD3E", "CD3D"], "B": ["MS4A1"]}, min_genes=3)


def test_low_coverage_warns():
    with pytest.warns(UserWarning, match="Only 1 of 101 memberships"):
        aligned({"p": ["CD3E", *(f"x{i}" for i in range(100))]})
