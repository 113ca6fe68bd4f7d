from types import SimpleNamespace

import pytest

from crystallin._cli import _run, main


class Trained(Exception):
    """Raised in place of training."""


@pytest.fixture
def command(planted, tmp_path, monkeypatch, capsys):
    """Call ``run`` on a small file; training is noted and left out unless asked for."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "in.h5ad"
    planted.adata.write_h5ad(path)
    gmt = tmp_path / "sets.gmt"
    gmt.write_text("".join("\t".join([name, "", *genes]) + "\n" for name, genes in planted.sets.items()))
    calls = []

    def fit(adata, *args, **kwargs):
        calls.append(SimpleNamespace(adata=adata, **kwargs))
        raise Trained

    monkeypatch.setattr(_run, "fit", fit)

    def call(*words, source=path, out="out.h5ad"):
        calls.clear()
        try:
            status = main(["run", str(source), "--programs", str(gmt), "--out", str(out), *map(str, words)])
        except Trained:
            status = "trained"
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, err=captured.err, calls=list(calls))

    call.adata = planted.adata
    call.path = path
    call.gmt = gmt
    return call


@pytest.fixture
def changed(command):
    """Write the planted data with a change, and return the path."""

    def write(name, change):
        adata = command.adata.copy()
        change(adata)
        path = command.path.with_name(name)
        (adata.write_zarr if path.suffix == ".zarr" else adata.write_h5ad)(path)
        return path

    return write
