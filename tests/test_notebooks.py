"""The notebooks as committed, and, slow, whether they still run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DATA = Path(os.environ.get("CRYSTALLIN_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))
NAMES = [
    *("quickstart", "annotate_pbmc3k", "map", "kang_interferon", "two_arms", "own_gene_sets", "complete_your_sets"),
    "from_vega_expimap",
]
# these need neither local files nor a download
WITHOUT_FILES = ("quickstart", "two_arms", "complete_your_sets")
MAX_BYTES = 1_200_000
# from the root of some machine's disk; not "</td>", not "https://…", not "CD8+/CD45RA+"
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<+~-])(?:[A-Z]:\\|/)(?:[\w.-]+[/\\])+[\w.-]+")


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code(notebook) for output in cell.outputs]


def texts(notebook):
    """All that can be read, without images."""
    yield from (cell.source for cell in notebook.cells)
    for output in outputs(notebook):
        yield output.get("text", "")
        yield from (str(value) for mime, value in output.get("data", {}).items() if not mime.startswith("image/"))


def test_there_are_these_notebooks_and_all_are_in_the_tutorials():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(NAMES)
    page = (NOTEBOOKS.parent / "docs" / "tutorials.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if page.count(f"notebooks/{name}") < 2] == []
    # a link, so that there is one copy
    assert (NOTEBOOKS.parent / "docs" / "notebooks" / "run.py").samefile(NOTEBOOKS / "run.py")


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("/home/me/data/x.h5ad", True),
        ("in '/opt/lib/python3.11/site.py'", True),
        (r"C:\data\x.h5ad", True),
        ("<td>CD4+/CD45RA+/CD25- Naive T</td>", False),
        ("https://host/a/b", False),
        ("../data/x.h5ad and genesets/x.gmt", False),
    ],
)
def test_machine_paths_are_recognised(text, is_path):
    assert bool(ABSOLUTE_PATH.search(text)) == is_path


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_valid_and_was_run_from_top_to_bottom(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_fit_to_be_read(name):
    notebook = read(name)
    assert (NOTEBOOKS / f"{name}.ipynb").stat().st_size < MAX_BYTES
    # errors, and warnings, progress bars and logs, which go to stderr
    kinds = {output.output_type for output in outputs(notebook)}
    assert kinds <= {"execute_result", "display_data", "stream"}
    assert [output.text for output in outputs(notebook) if output.get("name") == "stderr"] == []
    mimes = {mime for output in outputs(notebook) for mime in output.get("data", {})}
    assert {"image/png"} <= mimes <= {"image/png", "text/html", "text/plain"}
    assert "widgets" not in notebook.metadata
    # times of execution
    assert not any(cell.metadata for cell in notebook.cells)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_does_not_tell_of_the_machine_it_ran_on(name):
    found = [match.group() for text in texts(read(name)) for match in ABSOLUTE_PATH.finditer(text)]
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, tmp_path):
    for package in ("nbclient", "ipykernel", *(["igraph"] if name == "annotate_pbmc3k" else [])):
        pytest.importorskip(package)
    if name not in WITHOUT_FILES and not DATA.is_dir():
        pytest.skip("needs the data folder named by CRYSTALLIN_DATA_DIR")
    command = [sys.executable, str(NOTEBOOKS / "run.py"), name, "--out", str(tmp_path)]
    environment = os.environ | ({"CRYSTALLIN_DATA_DIR": str(DATA.resolve())} if DATA.is_dir() else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    again, committed = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4), read(name)
    kinds = [[[output.output_type for output in cell.outputs] for cell in code(nb)] for nb in (again, committed)]
    assert kinds[0] == kinds[1]
