"""One call from the outside: statuses, messages, and what is left behind."""

import io
import logging
import subprocess
import sys
import warnings

import anndata as ad
import h5py
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import sparse

import crystallin
from crystallin._cli import _run, main
from crystallin._cli._main import _parser
from crystallin._cli._messages import say


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--max-epochs", 0), "--max-epochs=0 must be a whole number of at least 1"),
        (("--min-genes", -1), "--min-genes=-1 must be a whole number of at least 1"),
        (("--n-decoys", -1), "--n-decoys=-1 must be"),
        (("--random-state", -1), "--random-state=-1 must be"),
        (("--n-fits", 0), "--n-fits=0 must be a whole number of at least 1"),
        (("--free", -1), "--free=-1 must be a whole number of at least 0"),
    ],
)
def test_numbers_out_of_range(command, words, match):
    result = command(*words)
    assert result.status == 2 and result.err.startswith(f"crystallin: {match}") and not result.calls


@pytest.mark.parametrize("option", ["--max-epochs", "--min-genes", "--n-decoys", "--random-state"])
@pytest.mark.parametrize("value", ["x", "1.5", ""])
def test_what_is_no_number(option, value, capsys):
    with pytest.raises(SystemExit) as error:
        main(["run", "in.h5ad", "--programs", "immune", "--out", "out.h5ad", option, value])
    assert error.value.code == 2
    assert f"argument {option}: {value!r} is not a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "screen", "free"),
    [((), False, 0), (("--screen",), True, 0), (("--free", "auto"), False, "auto"), (("--free", 3), False, 3)],
)
def test_screening_and_free_programs(command, words, screen, free):
    (call,) = command(*words).calls
    assert call.screen is screen and call.n_unannotated == free


def test_number_of_fits(command):
    (call,) = command("--n-fits", 5).calls
    assert call.n_fits == 5
    (call,) = command().calls
    assert call.n_fits == 1


def test_what_is_no_number_of_free_programs(capsys):
    with pytest.raises(SystemExit) as error:
        main(["run", "in.h5ad", "--programs", "immune", "--out", "out.h5ad", "--free", "some"])
    assert error.value.code == 2
    assert "argument --free: 'some' is neither a whole number nor 'auto'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RuntimeError("Memory ran out with batch_size=128"), 2, "crystallin: Memory ran out with batch_size=128\n"),
        (ImportError("method='x' needs captum"), 2, "crystallin: method='x' needs captum\n"),
        (KeyError("layer='x' is not a layer"), 2, "crystallin: layer='x' is not a layer\n"),
        (
            OSError(28, "No space left on device", "out.h5ad"),
            2,
            "crystallin: [Errno 28] No space left on device: 'out.",
        ),
        (MemoryError(), 2, "crystallin: MemoryError\n"),
        (KeyboardInterrupt(), 130, "crystallin: interrupted"),
    ],
)
def test_errors_are_a_message_and_a_status(command, monkeypatch, tmp_path, error, status, message):
    def fit(*_, **__):
        raise error

    monkeypatch.setattr(_run, "fit", fit)
    result = command(out="new/out.h5ad")
    assert result.status == status
    assert message in result.err and "Traceback" not in result.err
    assert not (tmp_path / "new").exists()


def test_an_interruption_while_reading(command, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "read_counts", interrupted)
    assert command().status == 130


def test_everything_is_as_it_was_before(command, monkeypatch):
    """Also after a call that trains: see test_run.py for the figures."""
    import crystallin.model  # noqa: F401 - importing Lightning sets the level of its logger

    names = ("crystallin", "lightning.pytorch", "")

    def state():
        loggers = {name: (logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in names}
        return loggers, warnings.formatwarning, warnings.showwarning, list(warnings.filters), plt.get_fignums()

    before = state()
    for words in ((), ("--max-epochs", 0)):
        command(*words)
        assert state() == before


def test_a_warning_is_its_message(command, monkeypatch):
    def fit(*_, **__):
        warnings.warn("look out", UserWarning, stacklevel=1)
        raise ValueError("over")

    monkeypatch.setattr(_run, "fit", fit)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert command().err.endswith("UserWarning: look out\ncrystallin: over\n")


def with_bars(adata):
    adata.layers["raw|counts"] = adata.X.copy()
    adata.obsm["a|b"], adata.obsm["a|c"], adata.obsm["a_b"] = (np.full((500, 2), value) for value in (1, 2, 3))
    adata.varm["x|y|z"] = np.ones((240, 2))
    adata.obsp["n|d"] = sparse.eye(500).tocsr()
    adata.obs["cell|type"] = adata.obs["cell_type"]
    adata.var["gene|symbol"] = adata.var_names
    adata.uns["u|v"], adata.uns["w"] = 1, {"p|q": 2}
    adata.raw = adata.copy()


def bars_to_slashes(path):
    """As older versions of anndata wrote slashes, which newer ones refuse to write."""
    with h5py.File(path, "a") as file:
        found = []
        file.visit(lambda name: found.append(name) if "|" in name.rsplit("/", 1)[-1] else None)
        for name in found:
            file.move(name, name.replace("|", "/"))
        for table in (file["obs"], file["var"], file["raw/var"]):
            table.attrs["column-order"] = [column.replace("|", "/") for column in table.attrs["column-order"]]


def test_keys_with_slashes_are_renamed(command, changed):
    path = changed("slashes.h5ad", with_bars)
    bars_to_slashes(path)
    words = ("--layer", "raw/counts", "--batch-key", "cell/type", "--gene-symbols", "gene/symbol")
    result = command(*words, "--groupby", "cell/type", source=path)
    assert result.status == "trained"
    assert "Renamed 'cell/type' of obs to 'cell_type_'" in result.err
    (call,) = result.calls
    assert (call.layer, call.batch_key, call.gene_symbols) == ("raw_counts", "cell_type_", "gene_symbol")
    assert sorted(call.adata.obsm) == ["a_b", "a_b_", "a_c"]
    assert [float(call.adata.obsm[key][0, 0]) for key in ("a_b", "a_b_", "a_c")] == [3, 1, 2]
    np.testing.assert_array_equal(call.adata.layers["raw_counts"].toarray(), command.adata.X.toarray())
    assert {"x_y_z"} == set(call.adata.varm) and "gene_symbol" in call.adata.raw.var
    call.adata.write_zarr(path.with_name("again.zarr"))


def test_cell_ranger_to_zarr(command, tmp_path, monkeypatch):
    monkeypatch.undo()
    matrix = command.adata.X.tocsr()
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        group = file.create_group("matrix")
        for key, values in (
            ("barcodes", command.adata.obs_names),
            ("features/id", command.adata.var_names),
            ("features/name", command.adata.var_names),
            ("features/feature_type", ["Gene Expression"] * 240),
            ("features/genome", ["GRCh38"] * 240),
        ):
            group[key] = np.array(values, dtype="S20")
        group["data"], group["indices"], group["indptr"] = matrix.data.astype(int), matrix.indices, matrix.indptr
        group["shape"] = np.array([240, 500])
    out = tmp_path / "out.zarr"
    result = command("--max-epochs", 1, source=tmp_path / "raw.h5", out=out)
    assert result.status == 0, result.err
    assert "X_programs" in ad.read_zarr(out).obsm
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h5ad", "out.zarr", "raw.h5", "sets.gmt"]


def test_output_in_an_encoding_that_lacks_a_letter(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    say("Sjögren β\n")
    sys.stdout.flush()
    assert raw.getvalue().decode("cp1252").rstrip() == "Sjögren ?"


def test_the_module_ends_with_the_status(tmp_path):
    words = [sys.executable, "-m", "crystallin", "run", "no.h5ad", "--programs", "immune", "--out", "x.csv"]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 2 and ended.stderr == "crystallin: --out 'x.csv' must end in .h5ad or .zarr, as the " + (
        "result is AnnData.\n"
    )


def test_folder_of_the_demo_is_no_file(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["demo", "--folder", str(tmp_path / "file")]) == 2
    assert "--folder: " in (err := capsys.readouterr().err) and "is a file, not a folder" in err


def test_version(capsys):
    with pytest.raises(SystemExit) as error:
        main(["--version"])
    assert error.value.code == 0
    assert capsys.readouterr().out == f"crystallin {crystallin.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"]])
def test_help_has_examples_that_can_be_parsed(words, capsys):
    with pytest.raises(SystemExit):
        main(words)
    examples = capsys.readouterr().out.partition("examples:\n")[2].replace("\\\n", " ").strip().splitlines()
    assert len(examples) == 4
    for line in examples:
        name, *arguments = line.split()
        assert name == "crystallin" and _parser().parse_args(arguments).command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--annotate"], "--annotate needs --groupby"),
        (["--sample-key", "batch"], "--sample-key needs --groupby"),
        (["--groupby", "cell_type", "--sample-key", "donr"], "--sample-key='donr' is not a column"),
        (["--report", "page.pdf"], "--report 'page.pdf' must be a file that ends in .html"),
        (["--n-top-genes", "0"], "--n-top-genes=0 must be a whole number of at least 1"),
    ],
)
def test_results_that_cannot_be_computed_are_refused_before_training(command, words, message):
    result = command(*words)
    assert result.status == 2 and message in result.err and not result.calls
