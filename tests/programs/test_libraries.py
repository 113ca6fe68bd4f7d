"""Network libraries against a server on the loopback interface that answers in their format."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gseapy.msigdb
import gseapy.utils
import pytest
from gseapy.enrichr import EnrichrAPI

from crystallin.programs import read_gene_sets


class Libraries(BaseHTTPRequestHandler):
    requests: list[str] = []

    def do_GET(self):
        type(self).requests.append(self.path)
        if self.path.endswith("/datasetStatistics"):
            self.answer(b'{"statistics": [{"libraryName": "Demo_2024"}]}', "application/json")
        elif "libraryName=Demo_2024" in self.path:
            # Enrichr leaves the description empty and may add weights
            self.answer(b"Set one\t\tCD3E,1.0\tCD3D,1.0\t\nSet two\t\tMS4A1\tCD79A\t\n", "text/plain")
        elif "h.all.v2025.1.Hs.symbols.gmt" in self.path:
            self.answer(b"HALLMARK_A\thttp://a\tCD3E\tCD3D\nHALLMARK_B\thttp://b\tMS4A1\n", "text/plain")
        else:
            self.send_error(404)

    def answer(self, body: bytes, kind: str):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """gseapy pointed at a loopback server and an empty cache."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Libraries)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    Libraries.requests = []
    point_gseapy_at(monkeypatch, f"http://127.0.0.1:{httpd.server_port}", tmp_path)
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def point_gseapy_at(monkeypatch, url, cache):
    original = EnrichrAPI.__init__

    def patched(self, organism="human"):
        original(self, organism)
        self.base_url = f"{url}/Enrichr"
        # without gseapy's retries a refused connection fails at once
        self._session.mount("http://", gseapy.utils.HTTPAdapter(max_retries=0))

    monkeypatch.setattr(EnrichrAPI, "__init__", patched)
    monkeypatch.setattr(gseapy.msigdb.Msigdb, "url", f"{url}/msigdb/release/")
    # the attribute gseapy.enrichr is a function of that name
    for module in (gseapy.utils, sys.modules["gseapy.enrichr"]):
        monkeypatch.setattr(module, "DEFAULT_CACHE_PATH", str(cache))


def test_enrichr_downloads_once_then_reads_the_cache(server):
    sets = read_gene_sets("enrichr:Demo_2024")
    assert sets.origin == "Enrichr Demo_2024"
    assert sets.edges["target"].tolist() == ["CD3E", "CD3D", "MS4A1", "CD79A"]
    n_requests = len(Libraries.requests)
    assert n_requests > 0
    again = read_gene_sets("enrichr:Demo_2024")
    assert again.edges.equals(sets.edges)
    assert len(Libraries.requests) == n_requests


def test_enrichr_unknown_library(server):
    with pytest.raises(ValueError, match="Enrichr has no library 'Nope'"):
        read_gene_sets("enrichr:Nope")


def test_msigdb_downloads_once_then_reads_the_cache(server):
    sets = read_gene_sets("msigdb:h.all")
    assert sets.edges["source"].unique().tolist() == ["HALLMARK_A", "HALLMARK_B"]
    n_requests = len(Libraries.requests)
    assert read_gene_sets("msigdb:h.all").edges.equals(sets.edges)
    assert len(Libraries.requests) == n_requests


def test_msigdb_unknown_collection(server):
    with pytest.raises(ValueError, match="no collection 'h.none' in release '2024.1.Hs'"):
        read_gene_sets("msigdb:h.none@2024.1.Hs")


@pytest.mark.parametrize("source", ["enrichr:Demo_2024", "msigdb:h.all"])
def test_without_a_network_the_local_ways_are_named(monkeypatch, tmp_path, source):
    # port 9 (discard) refuses connections
    point_gseapy_at(monkeypatch, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(ConnectionError, match=r'could not be reached.*".gmt" file.*built-in "immune"'):
        read_gene_sets(source)
