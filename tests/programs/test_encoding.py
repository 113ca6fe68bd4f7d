"""Files are read and written in UTF-8, whatever the system's own encoding."""

import ast
from pathlib import Path

import gseapy
import gseapy.utils
import pytest

import crystallin
from crystallin.programs import _libraries, read_gene_sets, read_gmt

# a name that cp1252 has in other bytes, and a letter that it has not
TEXT = "Sjögren β\t\tCD3E\tCD3D\n"


def test_every_text_file_is_opened_with_its_encoding():
    for file in Path(crystallin.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                binary = any(isinstance(arg, ast.Constant) and "b" in str(arg.value) for arg in call.args)
                if name in {"open", "read_text", "write_text", "fdopen"} and not binary:
                    given = {keyword.arg for keyword in call.keywords}
                    assert "encoding" in given, f"{file.name}, line {call.lineno}"


@pytest.fixture
def cp1252(monkeypatch, tmp_path):
    """gseapy's cache on a system whose encoding is cp1252."""
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "cp1252")
    monkeypatch.setattr(gseapy.utils, "DEFAULT_CACHE_PATH", str(tmp_path))
    return tmp_path


def test_gmt_is_read_as_utf8_anywhere(cp1252):
    path = cp1252 / "sets.gmt"
    path.write_text(TEXT, encoding="utf-8")
    assert read_gmt(path) == {"Sjögren β": ["CD3E", "CD3D"]}


def test_what_gseapy_cached_in_another_encoding_is_read(cp1252):
    (cp1252 / "Enrichr.Demo.gmt").write_bytes(b"Sj\xf6gren\t\tCD3E\n")
    assert read_gene_sets("enrichr:Demo").edges["source"].tolist() == ["Sjögren"]


def test_what_gseapy_cannot_cache_is_no_missing_library(cp1252, monkeypatch):
    def get_library(*_, **__):
        TEXT.encode("cp1252")

    monkeypatch.setattr(gseapy, "get_library", get_library)
    with pytest.raises(ValueError, match="PYTHONUTF8=1"):
        read_gene_sets("enrichr:Demo")


def test_msigdb_is_cached_as_utf8(cp1252, monkeypatch):
    monkeypatch.setattr(gseapy.Msigdb, "get_gmt", staticmethod(lambda **_: {"Sjögren β": ["CD3E"]}))
    first = read_gene_sets("msigdb:h.all").edges
    cached = cp1252 / f"MSigDB.h.all.v{_libraries.MSIGDB_VERSION}.gmt"
    assert cached.read_text(encoding="utf-8") == "Sjögren β\th.all\tCD3E\n"
    assert read_gene_sets("msigdb:h.all").edges.equals(first)
