"""Every way in which people write gene sets: read with the right signs, or refused with the place."""

import bz2
import enum
import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from crystallin.programs import read_gene_sets

SIGNED = {"P": {"CD3E": 1, "CD79A": -1}}
PLAIN = {"P": {"CD3E": 1, "CD79A": 1}}
TWO = {"T": {"CD3E": 1, "CD3D": 1}, "B": {"MS4A1": 1, "CD79A": 1}}


class Name(enum.StrEnum):
    P = "P"


def read(source) -> dict[str, dict[str, float]]:
    edges = read_gene_sets(source).edges
    return {
        name: dict(zip(part["target"], part["weight"].tolist(), strict=True))
        for name, part in edges.groupby("source", sort=False)
    }


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"source": "P", "target": ["CD3E", "CD79A"], **columns})


OBJECTS = {
    "mor": (frame(mor=[1, -1]), SIGNED),
    "MOR": (frame(MOR=[1, -1]), SIGNED),
    "Weight": (frame(Weight=[1.0, -1.0]), SIGNED),
    "mor times likelihood": (frame(mor=[1, -1], likelihood=[1, 0.5]), {"P": {"CD3E": 1, "CD79A": -0.5}}),
    "other columns": (frame(weight=[1, -1], score=[-3, 2], sign_decision="PMID"), SIGNED),
    "columns in other cases": (frame(weight=[1, -1]).rename(columns=str.upper), SIGNED),
    "weights as text": (frame(weight=["+1", "-1"]), SIGNED),
    "nullable weights": (frame(weight=pd.array([1, -1], dtype="Int64")), SIGNED),
    "categorical names": (frame(weight=[1, -1]).astype({"source": "category", "target": "category"}), SIGNED),
    "harmless column": (frame(confidence=["A", "B"], score=[0.1, 2]), PLAIN),
    "dict of weights": (SIGNED, SIGNED),
    "Series of weights": ({"P": pd.Series({"CD3E": 1.0, "CD79A": -1.0})}, SIGNED),
    "Series of objects": ({"P": pd.Series({"CD3E": 1, "CD79A": -1}, dtype=object)}, SIGNED),
    "Series of genes": ({"P": pd.Series(["CD3E", "CD79A"], index=["x", "y"])}, PLAIN),
    "set": ({"P": {"CD79A", "CD3E"}}, PLAIN),
    "generator": ({"P": (gene for gene in ("CD3E", "CD79A"))}, PLAIN),
    "Index": ({"P": pd.Index(["CD3E", "CD79A"])}, PLAIN),
    "array": ({"P": np.array(["CD3E", "CD79A"])}, PLAIN),
    "Categorical": ({"P": pd.Categorical(["CD3E", "CD79A"])}, PLAIN),
    "keys of a dict": ({"P": {"CD3E": 0, "CD79A": 0}.keys()}, PLAIN),
    "bytes": ({"P": [b"CD3E", b"CD79A"]}, PLAIN),
    "Enum": ({Name.P: ["CD3E", "CD79A"]}, PLAIN),
    "missing genes": ({"P": ["CD3E", np.nan, None, pd.NA, "", " ", "CD79A"]}, PLAIN),
    "blanks and repeats": ({" P ": ["CD3E ", "CD3E", "\tCD79A"]}, PLAIN),
    "Entrez ids": (
        {"P": [7157, "7158", 7159.0, "7160.0", np.int64(1), np.nan]},
        {"P": dict.fromkeys(["7157", "7158", "7159", "7160", "1"], 1)},
    ),
    "names that are numbers": ({1: ["CD3E"], 2.0: ["CD79A"]}, {"1": {"CD3E": 1}, "2": {"CD79A": 1}}),
    "names that differ in case": ({"p": ["CD3E"], "P": ["CD79A"]}, {"p": {"CD3E": 1}, "P": {"CD79A": 1}}),
    "odd names": ({"a/b:c": ["CD3E"], "é😀 ": ["CD79A"]}, {"a/b:c": {"CD3E": 1}, "é😀": {"CD79A": 1}}),
    "weight of zero": ({"P": {"CD3E": 1, "CD79A": 0}}, {"P": {"CD3E": 1}}),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), OBJECTS.values(), ids=OBJECTS.keys())
def test_objects_are_read(source, expected):
    assert read(source) == expected


REFUSED_OBJECTS = {
    "likelihood alone": (frame(likelihood=[1, 0.5]), "'likelihood' may hold directions. Rename it to weight"),
    "unknown negative column": (frame(score=[1, -1]), "'score' may hold directions"),
    "directions in words": (frame(type=["Activation", "Repression"]), "'type' may hold directions"),
    "signs in words": (frame(type=["+", "-"]), "'type' may hold directions"),
    "omnipath": (frame(is_inhibition=[True, False]), "'is_inhibition' may hold directions"),
    "two weights": (frame(weight=[1, 1], mor=[1, -1]), "several columns for weight: 'weight', 'mor'"),
    "Booleans": (frame(weight=[True, False]), "Row 0 .*'CD3E' has True as its weight; Booleans"),
    "Boolean dict": ({"P": {"CD3E": True, "CD79A": False}}, "Booleans do not say"),
    "missing weight": (frame(weight=[1, np.nan]), "Row 1 .*'CD79A' has nan"),
    "too large": (frame(weight=[1, 1e39]), r"Row 1 .*1e\+39"),
    "too small": ({"P": {"CD3E": 1e-50}}, "single precision"),
    "complex": (frame(weight=[1j, 1]), "'CD3E' has 1j"),
    "dates": (frame(weight=pd.to_datetime(["2020-01-01"] * 2)), "has Timestamp"),
    "dorothea": (frame(mor=1).set_axis(["tf", "target", "mor"], axis=1), r"has tf, target, mor.*'tf': 'source'"),
    "msigdb": (frame().rename(columns={"source": "geneset", "target": "genesymbol"}), "'genesymbol': 'target'"),
    "repeated columns": (frame(x=1).set_axis(["source", "target", "target"], axis=1), "several columns for target"),
    "missing gene": (frame().replace("CD79A", None), "Row 1 .*missing values in source or target"),
    "Boolean gene": ({"P": [True]}, "True is a bool, not a name"),
    "fraction": ({"P": [7.5]}, "Program 'P': 7.5 is a float, not a name"),
    "pairs": ({"P": [("CD3E", 1)]}, r"\('CD3E', 1\) is a tuple"),
    "set of sets": ({"P": {frozenset("ab")}}, "is a frozenset, not a name"),
    "text": ({"P": "CD3E"}, "maps to 'CD3E'; give a list of gene names"),
    "nothing": ({"P": None}, "maps to None"),
    "table in a dict": ({"P": frame()}, "maps to a DataFrame"),
    "two dimensions": ({"P": np.array([["CD3E"]])}, "maps to array"),
    "nested": ({"group": {"P": ["CD3E"]}}, "'group' maps 'P' to .* nested. Give a dict with one level"),
    "direction in words": ({"P": {"CD3E": "up"}}, "has 'up' as its weight"),
    "trailing blank": ({"B": ["CD3E"], "B ": ["CD79A"]}, "'B' and 'B ' have the same name up to spaces"),
    "trailing blank in a table": (frame(source=["B", "B "]), "Row 1 .*'B' and 'B ' have the same name"),
    "number and text": ({1: ["CD3E"], "1": ["CD79A"]}, "1 and '1' have the same name"),
    "no name": ({None: ["CD3E"]}, "a program has no name"),
    "NaN as a name": ({np.nan: ["CD3E"]}, "a program has no name"),
    "tuple as a name": ({("a", "b"): ["CD3E"]}, "is a tuple, not a name"),
    "null character": ({"a\0": ["CD3E"]}, "cannot be written to a file"),
    "null character in a gene": ({"a": ["CD3E", "x\0"]}, "cannot be written to a file"),
    "half a character": ({"a\ud800": ["CD3E"]}, "cannot be written to a file"),
    "two weights of a gene": ({"P": {"CD3E": 1, "CD3E ": 2}}, r"different weights \(1, 2\)"),
    "empty dict": ({}, "hold no genes"),
    "empty lists": ({"P": [], "Q": ()}, "hold no genes"),
    "genes in one text": ({"Q": ["LYZ"], "P": ["CD3E, CD79A"]}, "Program 'P': the only gene .* looks like several"),
    "list": (["CD3E"], r"programs is a list.*\{'name': \[genes\]\}"),
    "Series": (pd.Series({"P": ["CD3E"]}), "programs is a Series"),
    "empty text": ("", "programs='' is neither a file"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "match"), REFUSED_OBJECTS.values(), ids=REFUSED_OBJECTS.keys())
def test_objects_are_refused(source, match):
    with pytest.raises((TypeError, ValueError), match=match):
        read(source)


def zipped(text: str) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.gmt", text)
    return buffer.getvalue()


LINES = "T\t\tCD3E\tCD3D\nB\t\tMS4A1\tCD79A\n"


FILES = [
    ("no_description.gmt", "T\tCD3E\tCD3D\nB\tMS4A1\tCD79A\n", TWO),
    ("mouse.gmt", "T\tCd3e\tCd4\nB\tMs4a1\tCd79a\n", {"T": {"Cd3e": 1, "Cd4": 1}, "B": {"Ms4a1": 1, "Cd79a": 1}}),
    ("entrez.gmt", "T\t916\t915\n", {"T": {"916": 1, "915": 1}}),
    ("no_description_weights.gmt", "P\tCD3E,1\tCD79A,-1\n", SIGNED),
    ("shared.gmt", "T\tCD3E\tCD3D\nB\tCD3E\tCD2\n", {"T": {"CD3E": 1, "CD3D": 1}, "B": {"CD3E": 1, "CD2": 1}}),
    ("named.gmt", "CD3E\tCD3E\tCD2\nA\tC1orf1\tCD2\nB\tLCK\tCD2\nC\tCD4\tCD2\nD\tFOS\tCD2\n", {
        "CD3E": {"CD3E": 1, "CD2": 1}, "A": {"C1orf1": 1, "CD2": 1}, "B": {"LCK": 1, "CD2": 1},
        "C": {"CD4": 1, "CD2": 1}, "D": {"FOS": 1, "CD2": 1},
    }),
    ("collection.gmt", "T\tC2\tCD3E\tCD3D\nB\tC2\tMS4A1\tCD79A\n", TWO),
    ("url.gmt", "T\thttp://x\tCD3E\tCD3D\nB\tna\tMS4A1\tCD79A\n", TWO),
    ("database.gmt", "T\tKEGG\tCD3E\tCD3D\nB\tKEGG\tMS4A1\tCD79A\n", TWO),
    ("accession.gmt", "T\tM5890\tCD3E\tCD3D\nB\tR-HSA-12\tMS4A1\tCD79A\n", TWO),
    ("word.gmt", "T\tlymphocyte\tCD3E\tCD3D\nB\tlymph\tMS4A1\tCD79A\n", TWO),
    ("part_of_name.gmt", "STAT1 regulon\tSTAT1\tIRF1\n", {"STAT1 regulon": {"IRF1": 1}}),
    ("mixed.gmt", "T\tT CELLS\tCD3E\tCD3D\nB\tBCELLS\tMS4A1\tCD79A\n", TWO),
    ("empty_fields.gmt", "T\t\tCD3E\t\t \tCD3D\t\t\nB\t\tMS4A1\tCD79A\t\n", TWO),
    ("blank_lines.gmt", "\n# comment\nT\t\tCD3E\tCD3D\n \t\n\nB\t\tMS4A1\tCD79A", TWO),
    ("old_mac.gmt", LINES.replace("\n", "\r"), TWO),
    ("separators.gmt", "a\x0bb\u2028c\x85d\t\tCD3E\n", {"a\x0bb\u2028c\x85d": {"CD3E": 1}}),
    ("quoted.gmt", '"T, ""x"""\t"d"\t"CD3E"\n', {'T, "x"': {"CD3E": 1}}),
    ("weights.gmt", "P\t\tCD3E,1.0\tCD79A,-5e-1\tLYZ\n", {"P": {"CD3E": 1, "CD79A": -0.5, "LYZ": 1}}),
    ("repeated.gmt", LINES + LINES, TWO),
    ("without_genes.gmt", "empty\tx\t\n" + LINES, TWO),
    ("gzip_without_suffix.gmt", gzip.compress(LINES.encode(), mtime=0), TWO),
    ("suffix_without_gzip.gmt.gz", LINES, TWO),
    ("utf16.gmt", LINES.encode("utf-16"), TWO),
    ("utf32.gmt", LINES.encode("utf-32"), TWO),
    ("semicolons.csv", "source;target;weight\nP;CD3E;1\nP;CD79A;-1\n", SIGNED),
    ("tabs.csv", "source\ttarget\tmor\nP\tCD3E\t1\nP\tCD79A\t-1\n", SIGNED),
    ("commas.tsv", "source,target,weight\nP,CD3E,1\nP,CD79A,-1\n", SIGNED),
    ("excel.csv", "sep=;\r\nSource;Target;Weight\r\nP;CD3E;1\r\nP;CD79A;-1\r\n", SIGNED),
    ("quoted.csv", '"source","target","weight"\n"a, b","CD3E",-1\n', {"a, b": {"CD3E": -1}}),
    ("row_names.csv", "source,target,weight\n1,P,CD3E,1\n2,P,CD79A,-1\n", SIGNED),
    ("index.csv", ",source,target,weight\n0,P,CD3E,1\n1,P,CD79A,-1\n", SIGNED),
    ("comment.csv", "# from x\n\nsource,target\nP,CD3E\n\nP,CD79A\n", PLAIN),
    ("trailing.csv", "source,target,\nP,CD3E,\nP,CD79A,,\n", PLAIN),
    ("marked.tsv.gz", gzip.compress(b"\xef\xbb\xbfsource\ttarget\nP\tCD3E\nP\tCD79A\n", mtime=0), PLAIN),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "expected"), FILES, ids=[case[0] for case in FILES])
def test_files_are_read(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read(path) == expected


REFUSED_FILES = [
    ("a.gmt", "T\t\tCD3E\n\thttp://x\tMS4A1\n", "a.gmt, line 2: the set has no name"),
    ("b.gmt", "T\thttp://x\tCD3E\tCD3D\nB\tMS4A1\tCD79A\n", "b.gmt, line 2: set 'B' has 'MS4A1', which looks like"),
    ("c.gmt", "\nT desc CD3E CD3D\n", "c.gmt, line 2: 'T desc CD3E CD3D' has no tab"),
    ("d.gmt", "A\t\tCD3E\nB\t\tCD3D\nA \t\tCD2\n", "d.gmt, lines 1 and 3: two sets are named 'A'"),
    ("e.gmt", "A\t\tCD3E,1,5\n", "e.gmt, line 1: 'CD3E,1,5' of set 'A' is not a gene and its weight"),
    ("f.gmt", "A\t\tCD3E,nan\n", "f.gmt, line 1: .*has 'nan' as its weight"),
    ("g.gmt", "A\t\t\nB\tx\n", "'g.gmt' holds no gene set"),
    ("o.gmt", "T\tx y\tCD3E CD3D CD2\n", "o.gmt, line 1: the only gene of program 'T' is 'CD3E CD3D CD2'"),
    ("h.gmt", "", "'h.gmt' is empty"),
    ("i.gmt", "é\t\tCD3E\n".encode("latin-1"), "'i.gmt' is not UTF-8 text: byte 0xe9 in line 1. Save it as UTF-8"),
    ("j.gmt", LINES.encode("utf-16-le"), "'j.gmt' holds null bytes"),
    ("k.gmt", bz2.compress(LINES.encode()), "'k.gmt' is compressed with bzip2"),
    ("l.gmt.zip", zipped(LINES), "'l.gmt.zip' is a zip archive"),
    ("m.gmt.gz", gzip.compress(LINES.encode() * 99, mtime=0)[:-9], "'m.gmt.gz' is a damaged or incomplete gzip file"),
    ("n.gmt", "<html>\n", "n.gmt, line 1: '<html>' has no tab"),
    ("a.csv", "source,target\nA,CD3E\nA,\n", "a.csv, line 3: missing values in source or target"),
    ("b.csv", "source,target\n,CD3E\n", "b.csv, line 2: missing values"),
    ("c.csv", "source,target\nA,NA\n", "c.csv, line 2: missing values"),
    ("d.csv", "source,target\nA, b,CD3E\nA,CD3D\n", "d.csv, line 2: 3 fields under 2 columns"),
    ("e.csv", "source;target;weight\nA;CD3E;-1,5\n", "e.csv, line 2: .*has '-1,5' as its weight"),
    ("f.csv", "source,target,weight\nA,CD3E,True\n", "f.csv, line 2: .*has 'True' as its weight"),
    ("g.csv", 'source,target\nA,"CD3E\nA,CD3D\n', "g.csv, line .*check that quotation marks are closed"),
    ("h.csv", "TF,Target,mor\nA,CD3E,1\n", "'h.csv' lacks column.*it has TF, Target, mor"),
    ("i.csv", "A,CD3E\nA,CD3D\n", "'i.csv' lacks column.*it has A, CD3E"),
    ("j.csv", "# only\n", "'j.csv' lacks column"),
    ("k.csv", "source,target\nA,CD3E\nA ,CD3D\n", "k.csv, line 3: the programs 'A' and 'A '"),
    ("l.csv", "source,target,weight\nA,CD3E,1\nA,CD3E,-1\n", "l.csv, line 3: .*both signs"),
    ("m.tsv", "source target\nA CD3E\n", "'m.tsv' lacks column"),
    ("n.csv", "source,target\n", "hold no genes"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "match"), REFUSED_FILES, ids=[case[0] for case in REFUSED_FILES])
def test_files_are_refused_by_line(tmp_path, name, content, match):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=match):
        read(path)


@pytest.mark.parametrize(
    "series", [pd.Series([1.0, -1.0], index=[7157, 1956]), pd.Series(["1", "-1"], index=["CD3E", "CD79A"])]
)
def test_a_series_that_could_be_read_in_two_ways_is_refused(series):
    with pytest.raises(TypeError, match="not clear whether its values are genes or weights"):
        read_gene_sets({"P": series})


@pytest.mark.parametrize("field", ["CD79A,+", "CD79A,\u22121.0", "CD79A:1.0", "CD79A(-1)", "CD79A,CD79B"])
def test_weights_that_are_written_otherwise_are_refused(tmp_path, field):
    path = tmp_path / "sets.gmt"
    path.write_text(f"P\tdescription\t{field}\tMS4A1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="sets.gmt, line 1: .* is not a gene and its weight"):
        read_gene_sets(path)


def test_invisible_characters_are_no_part_of_names():
    edges = read_gene_sets({"\ufeffB\u00a0cell": ["CD79A\u200b", "\ufeffMS4A1"]}).edges
    assert edges["source"].unique().tolist() == ["B cell"] and edges["target"].tolist() == ["CD79A", "MS4A1"]
