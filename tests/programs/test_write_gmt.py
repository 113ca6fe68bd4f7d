"""Gene sets written as GMT files are read as they were."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crystallin as cr
from crystallin.programs import read_gene_sets, read_gmt


def edges_of(source) -> pd.DataFrame:
    return read_gene_sets(source).edges


SETS = {
    "T cell / CD8+": ["CD3E", "CD8A"],
    "signed": {"CD3E": 1, "CD79A": -1.0, "MS4A1": 0.25, "LYZ": 1e-20},
    "#first": ["HLA-A*02:01", "TRAV1-2"],
    '"quoted"': ['"A"', 'B"', '"C'],
    "marks": ["a,b", "miR:1", "x(2)", "HLA-DRB1;3"],
    "Entrez": [7157, "7158.0"],
}


def test_sets_are_read_as_they_were(tmp_path):
    path = cr.write_gmt(SETS, tmp_path / "sets.gmt")
    assert path == tmp_path / "sets.gmt" and [p.name for p in tmp_path.iterdir()] == ["sets.gmt"]
    pd.testing.assert_frame_equal(edges_of(path), edges_of(SETS))
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines[0] == "T cell / CD8+\t2 genes\tCD3E\tCD8A"
    assert lines[1] == "signed\t4 genes\tCD3E,1\tCD79A,-1\tMS4A1,0.25\tLYZ,1e-20"
    assert read_gmt(path)["T cell / CD8+"] == ["CD3E", "CD8A"]
    # a table and a file that is there
    cr.write_gmt(edges_of(SETS), str(path))
    pd.testing.assert_frame_equal(edges_of(path), edges_of(SETS))


# what the reader takes from names: spaces at the ends, marks that cannot be seen, decimals of whole numbers
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
WEIGHTS = st.one_of(st.just(1.0), st.floats(-100, 100, width=32).filter(bool))


def is_refused(name: str) -> bool:
    return bool(cr.programs._gmt.WEIGHTED.fullmatch(name))


@given(sets=st.dictionaries(NAMES, st.dictionaries(NAMES, WEIGHTS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_names_and_weights(tmp_path_factory, sets):
    try:
        expected = edges_of(sets)
    except ValueError:
        # names that no source may have
        return
    path = tmp_path_factory.mktemp("gmt") / "any.gmt"
    if any(map(is_refused, expected["target"])):
        with pytest.raises(ValueError, match="would be read as a gene with a weight"):
            cr.write_gmt(sets, path)
        return
    cr.write_gmt(sets, path)
    pd.testing.assert_frame_equal(edges_of(path), expected)


def test_provenance(tmp_path, audited):
    net = cr.get.completed_programs(audited())
    path = cr.write_gmt(net, tmp_path / "completed.gmt")
    described = [line.split("\t")[:2] for line in path.read_text(encoding="utf-8").splitlines()]
    by = f"by an audit of crystallin {cr.__version__} (fdr 0.1)"
    assert described == [
        ["T/one", f"16 genes: 12 original, 4 added {by}"],
        ["T two", f"12 genes: 10 original, 2 added {by}"],
        ["Signed", f"11 genes: 10 original, 1 added {by}"],
        ["asleep", "10 genes"],
    ]
    pd.testing.assert_frame_equal(edges_of(path), edges_of(net))
    table = pd.read_csv(tmp_path / "completed.provenance.tsv", sep="\t", keep_default_na=False, na_values={"q": [""]})
    assert list(table) == list(net) and len(table) == len(net)
    for column in ("source", "target", "origin", "verdict", "replicated"):
        assert table[column].tolist() == net[column].tolist()
    np.testing.assert_allclose(table["q"], net["q"])
    # without a version or an error rate, none is named
    net.attrs = {}
    cr.write_gmt(net, path)
    assert "16 genes: 12 original, 4 added\t" in path.read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["completed.gmt", "completed.provenance.tsv"]


def test_rows_that_are_no_members(tmp_path):
    net = pd.DataFrame({"Source": "P", "target": ["A", "B", "A", "C"], "weight": [1, 0, 1, 1]})
    net["Origin"] = ["original", "original", "original", "by hand"]
    path = cr.write_gmt(net, tmp_path / "p.gmt")
    assert path.read_text(encoding="utf-8") == "P\t2 genes: 1 original, 1 by hand\tA\tC\n"
    table = pd.read_csv(tmp_path / "p.provenance.tsv", sep="\t")
    assert table["target"].tolist() == ["A", "C"] and table["origin"].tolist() == ["original", "by hand"]


def test_a_table_of_origins_that_stays_behind_is_named(tmp_path, caplog):
    (tmp_path / "p.provenance.tsv").write_text("")
    with caplog.at_level(logging.WARNING):
        cr.write_gmt({"P": ["A"]}, tmp_path / "p.gmt")
    assert "p.provenance.tsv is of an earlier file" in caplog.text


@pytest.mark.parametrize(
    ("programs", "error", "match"),
    [
        ("sets.gmt", TypeError, "programs is a str; give a dict .* path as second argument"),
        ([("P", "A")], TypeError, "programs is a list"),
        ({"P": "A"}, TypeError, "maps to 'A'; give a list"),
        ({}, ValueError, "hold no genes"),
        ({"P": ["A"], "Q": []}, ValueError, r"Set\(s\) without genes: 'Q'. A GMT file cannot hold them"),
        ({"P": {"A": 1}, "Q": {"A": 0}}, ValueError, r"Set\(s\) without genes: 'Q'"),
        ({"P\tQ": ["A"]}, ValueError, r"The name of the set 'P\\tQ' contains a tab or a line break"),
        ({"P": ["A\nB", "C"]}, ValueError, r"The name of the gene 'A\\nB' contains"),
        ({"P": ["A,1", "B"]}, ValueError, "'A,1' would be read as a gene with a weight"),
        (pd.DataFrame({"source": ["P"]}), ValueError, r"lacks column\(s\) target"),
        (pd.DataFrame({"source": "P", "target": "A", "weight": [1, -1]}), ValueError, "with both signs"),
        (pd.DataFrame([["P", "A", 1, 2]], columns=["source", "target", "x", "x"]), ValueError, "several columns 'x'"),
    ],
)
def test_what_cannot_be_written(tmp_path, programs, error, match):
    path = tmp_path / "sets.gmt"
    path.write_text("as it was")
    with pytest.raises(error, match=match):
        cr.write_gmt(programs, path)
    assert path.read_text() == "as it was" and len(list(tmp_path.iterdir())) == 1


def test_where_nothing_can_be_written(tmp_path):
    sets = {"P": ["A"]}
    with pytest.raises(ValueError, match=r"must end in \.gmt"):
        cr.write_gmt(sets, tmp_path / "sets.txt")
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        cr.write_gmt(sets, tmp_path)
    with pytest.raises(FileNotFoundError, match="the folder .* does not exist"):
        cr.write_gmt(sets, tmp_path / "none" / "sets.gmt")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):
        cr.write_gmt(sets, tmp_path / "file" / "sets.gmt")
    with pytest.raises(TypeError, match="path is a int"):
        cr.write_gmt(sets, 1)


def test_a_failure_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = cr.write_gmt({"P": ["A"]}, tmp_path / "sets.gmt")
    before = path.read_text()

    def fail(*_, **__):
        raise OSError("disk is full")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(OSError, match="disk is full"):
        cr.write_gmt({"P": ["B"]}, path)
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == ["sets.gmt"]
