import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystallin.programs import read_gene_sets, read_gmt

GMT = "TNF-alpha Signaling via NF-kB\thttp://x\tFOS\tJUN\tFOS\n\nA/B set\t\tCD3E\tCD3D\t\t\n"


def sets_of(source) -> dict[str, list[str]]:
    edges = read_gene_sets(source).edges
    return {name: list(genes) for name, genes in edges.groupby("source", sort=False)["target"]}


GMT_FILES = [
    ("plain.gmt", GMT.encode()),
    ("crlf.gmt", GMT.replace("\n", "\r\n").encode()),
    ("marked.gmt", b"\xef\xbb\xbf" + GMT.encode()),
    ("UPPER.GMT", GMT.encode()),
    ("zipped.gmt.gz", gzip.compress(GMT.encode(), mtime=0)),
]


@pytest.mark.parametrize(("name", "content"), GMT_FILES, ids=[case[0] for case in GMT_FILES])
@pytest.mark.parametrize("kind", [str, Path])
def test_gmt_keeps_names_with_spaces_and_drops_repeats_and_empty_fields(tmp_path, name, content, kind):
    path = tmp_path / name
    path.write_bytes(content)
    assert sets_of(kind(path)) == {
        "TNF-alpha Signaling via NF-kB": ["FOS", "JUN"],
        "A/B set": ["CD3E", "CD3D"],
    }


def test_gmt_refuses_two_sets_of_one_name(tmp_path):
    path = tmp_path / "twice.gmt"
    path.write_text("A\t\tg1\tg2\nA\t\tg3\n")
    with pytest.raises(ValueError, match="twice.gmt, lines 1 and 2: two sets are named 'A'"):
        read_gmt(path)


def test_gmt_with_weights_becomes_a_dict_of_weights(tmp_path):
    path = tmp_path / "weights.gmt"
    path.write_text("A\t\tg1,2\tg2,-1\nB\t\tg3,1.0\n")
    assert read_gmt(path) == {"A": {"g1": 2.0, "g2": -1.0}, "B": ["g3"]}


def test_order_of_a_set_is_the_same_in_every_session():
    genes = [f"g{i}" for i in range(50)]
    assert read_gene_sets({"P": set(genes)}).edges["target"].tolist() == sorted(genes)


def test_gmt_without_sets_says_what_a_line_is(tmp_path):
    path = tmp_path / "empty.gmt"
    path.write_text("just words\n")
    with pytest.raises(ValueError, match="name<tab>description<tab>gene"):
        read_gmt(path)


# quotation marks, "#", what separates genes and what could come before a weight have a meaning
word = st.text(st.characters(blacklist_categories=["C", "Z"], blacklist_characters='",;|/#:(='), min_size=1, max_size=8)


@given(st.dictionaries(word, st.lists(word, min_size=1, max_size=5, unique=True), min_size=1, max_size=5))
def test_gmt_round_trip(tmp_path_factory, sets):
    path = tmp_path_factory.mktemp("gmt") / "sets.gmt"
    lines = ["\t".join([name, "description", *genes]) for name, genes in sets.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert sets_of(path) == sets


def test_frame_keeps_signs_and_order():
    net = pd.DataFrame({"source": ["b", "b", "a"], "target": ["g1", "g2", "g1"], "weight": [2.0, -0.5, 0.0]})
    edges = read_gene_sets(net).edges
    # a weight of zero is no edge
    assert edges["source"].tolist() == ["b", "b"]
    np.testing.assert_array_equal(edges["weight"], [2.0, -0.5])


@pytest.mark.parametrize("sep", [",", "\t"])
def test_table_of_edges_on_disk(tmp_path, sep):
    path = tmp_path / ("net.csv" if sep == "," else "net.tsv")
    pd.DataFrame({"source": ["a"], "target": ["g"], "weight": [-1]}).to_csv(path, sep=sep, index=False)
    assert read_gene_sets(path).edges["weight"].tolist() == [-1]


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (pd.DataFrame({"pathway": ["a"], "gene": ["g"]}), r"lacks column\(s\) source, target; it has pathway, gene"),
        (pd.DataFrame({"source": ["a", None], "target": ["g", "h"]}), "missing values in source or target"),
        (pd.DataFrame({"source": ["a"], "target": ["g"], "weight": ["strong"]}), "'a' -> 'g' has 'strong'"),
        (pd.DataFrame({"source": ["a", "a"], "target": ["g", "g"], "weight": [1, -1]}), "both signs"),
        (pd.DataFrame({"source": [], "target": []}), "hold no genes"),
    ],
)
def test_bad_frames(frame, match):
    with pytest.raises(ValueError, match=match):
        read_gene_sets(frame)


def test_bad_mappings():
    with pytest.raises(TypeError, match="give a list of gene names"):
        read_gene_sets({"a": "CD3E"})
    with pytest.raises(ValueError, match="hold no genes"):
        read_gene_sets({"a": []})


def test_bad_strings(tmp_path):
    with pytest.raises(FileNotFoundError, match="no gene-set file"):
        read_gene_sets("missing.gmt")
    with pytest.raises(ValueError, match="neither a file nor a known collection"):
        read_gene_sets("hallmark")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_gene_sets(tmp_path)
    with pytest.raises(ValueError, match="has no name"):
        read_gene_sets({"": ["CD3E"]})
    other = tmp_path / "sets.json"
    other.write_text("{}")
    with pytest.raises(ValueError, match="not a supported type of gene-set file"):
        read_gene_sets(other)
    with pytest.raises(TypeError, match="programs is a int"):
        read_gene_sets(3)


def test_immune_collection():
    sets = read_gene_sets("immune")
    sizes = sets.edges.groupby("source").size()
    assert 40 <= len(sizes) <= 60
    assert sizes.between(8, 80).all()
    assert set(sets.meta.index) == set(sizes.index)
    assert sets.meta["doi"].str.match(r"10\.\d{4,}/\S+").all()
    assert (sets.meta["reference"].str.len() > 10).all()
    assert set(sets.meta["category"]) == {"cell type", "state", "pathway", "housekeeping"}
    parents = sets.meta.loc[sets.meta["parent"] != "", "parent"]
    assert set(parents) <= set(sets.meta.index[sets.meta["category"] == "cell type"])
    for word in ("interferon", "MHC class II", "Cytotoxicity", "B cell receptor", "T cell receptor", "Inflammasome"):
        assert sizes.index.str.contains(word, case=False).any(), word


def test_hla_alleles_are_names_and_no_weights(tmp_path):
    path = tmp_path / "alleles.gmt"
    path.write_text("MHC I\thttp://x\tHLA-A*02:01\tHLA-B\tB2M\n")
    edges = read_gene_sets(path).edges
    assert edges["target"].tolist() == ["HLA-A*02:01", "HLA-B", "B2M"] and (edges["weight"] == 1).all()
