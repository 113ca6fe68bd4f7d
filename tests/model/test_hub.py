"""Models on the Hugging Face Hub: the Hub of scvi-tools, and an imitation of the Hub on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import huggingface_hub
import numpy as np
import pytest
from scvi.hub import HubMetadata, HubModel

import crystallin as cr

NAME, COMMIT = "organisation/planted", "0123456789abcdef0123456789abcdef01234567"


def test_the_hub_of_scvi_tools(model, result, tmp_path):
    """A model that was saved with its data is wrapped, described and loaded as one of scvi-tools' own."""
    folder = tmp_path / "saved"
    model.save(str(folder), save_anndata=True)
    metadata = HubMetadata.from_dir(str(folder), anndata_version="0.12", model_parent_module="crystallin")
    assert metadata.model_cls_name == "ProgramVAE"
    # scvi-tools writes cards for its own classes only; the card of an exported model serves as well
    card = model.export(tmp_path / "exported") / "README.md"
    HubModel(str(folder), metadata=metadata, model_card=str(card)).save()
    # from the disk alone, as it is after a download
    wrapped = HubModel(str(folder))
    assert wrapped.model_card.data.library_name == "crystallin" and "crystallin" in wrapped.model_card.data.tags
    wrapped.load_model(accelerator="cpu")
    assert type(wrapped.model) is cr.ProgramVAE and wrapped.metadata == metadata
    np.testing.assert_array_equal(wrapped.model.get_activity(), model.get_activity())
    wrapped.load_model(adata=result, accelerator="cpu")
    assert wrapped.model.adata is result


class Hub(BaseHTTPRequestHandler):
    """The few answers of the Hub that a download needs."""

    folder: Path
    asked: list[str]

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        path = unquote(self.path.partition("?")[0])
        self.asked.append(f"{self.command} {path}")
        files = {file.name: file.read_bytes() for file in self.folder.iterdir()}
        about = [{"rfilename": name} for name in files]
        headers, status = {"X-Repo-Commit": COMMIT}, 200
        if path in (f"/api/models/{NAME}", f"/api/models/{NAME}/revision/main", f"/api/models/{NAME}/revision/v1"):
            body = json.dumps({"id": NAME, "sha": COMMIT, "siblings": about, "tags": [], "private": False}).encode()
        elif path.startswith(f"/api/models/{NAME}/revision/"):
            body, status = b"{}", 404
            headers["X-Error-Code"] = "RevisionNotFound"
        elif path.startswith(f"/api/models/{NAME}/tree/{COMMIT}"):
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            body = json.dumps(listed).encode()
        elif path.startswith(f"/{NAME}/resolve/{COMMIT}/") and Path(path).name in files:
            body = files[Path(path).name]
            headers["ETag"] = f'"{hashlib.sha1(body).hexdigest()}"'
        else:
            body, status = b"{}", 404
            headers["X-Error-Code"] = "RepoNotFound"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(model, tmp_path, monkeypatch):
    """A Hub on this machine with one model, beside files that nobody should download; no other Hub is asked."""
    folder = model.export(tmp_path / "on the hub")
    (folder / "model.pt").write_bytes(b"not for crystallin.load")
    handler = type("OneHub", (Hub,), {"folder": folder, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    huggingface_hub.utils.disable_progress_bars()
    yield handler
    huggingface_hub.utils.enable_progress_bars()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("revision", ["", "@v1", f"@{COMMIT}"])
def test_download(hub, model, adata, revision):
    loaded = cr.load(f"hf://{NAME}{revision}")
    np.testing.assert_array_equal(loaded.get_activity(adata), model.get_activity())
    assert any(line.endswith("weights.safetensors") for line in hub.asked)
    assert not any(line.endswith("model.pt") for line in hub.asked)


def test_the_second_time_is_offline(hub, model, monkeypatch):
    cr.load(f"hf://{NAME}")
    hub.asked.clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert cr.load(f"hf://{NAME}").digest == model.digest and not hub.asked


def test_what_the_hub_does_not_have(hub):
    with pytest.raises(FileNotFoundError, match="no repository 'organisation/other'.*or it is private"):
        cr.load("hf://organisation/other")
    with pytest.raises(FileNotFoundError, match="'organisation/planted' .* has no revision 'v2'"):
        cr.load(f"hf://{NAME}@v2")


def test_a_model_that_was_altered_on_its_way(hub):
    weights = hub.folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match="SHA-256 checksum"):
        cr.load(f"hf://{NAME}")


def test_a_hub_that_cannot_be_reached(hub, monkeypatch):
    # a port that nothing listens at
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match=f"'{NAME}' could not be downloaded.*hf download {NAME} --local-dir"):
        cr.load(f"hf://{NAME}")
