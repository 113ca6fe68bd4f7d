"""Conventions of the public API, held by walking it."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crystallin as cr

ROOMS = ("pp", "tl", "get", "pl", "datasets")
FUNCTIONS = {f"{room}.{name}": getattr(getattr(cr, room), name) for room in ROOMS for name in getattr(cr, room).__all__}
METHODS = {
    f"ProgramVAE.{name}": getattr(cr.ProgramVAE, name)
    for name in (
        "setup_anndata",
        "train",
        "get_activity",
        "sample_activity",
        "get_posterior_covariance",
        "get_loadings",
        "get_attributions",
        "get_gene_contributions",
        "get_average_contributions",
        "get_program_importance",
        "get_interactions",
        "get_activity_without",
        "get_expression_without",
        "load",
        "load_query_data",
    )
}
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("datasets")])
def test_signatures(name):
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters.values())
    assert parameters[0].name == ("model" if name == "pl.history" else "adata")
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 3
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    if name.startswith(("pp.", "tl.")):
        assert keywords["copy"] is False and keywords["key_added"] in ("programs", None)
        # what is written elsewhere is read from the programs' slots
        assert keywords["key_added"] == "programs" or keywords["key"] == "programs"
    if name.startswith("pl."):
        assert keywords["ax"] is None and keywords["show"] is None and "save" not in keywords


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_function_per_file_named_after_it(name):
    room, function = name.split(".")
    assert FUNCTIONS[name].__module__ == f"crystallin.{room}._{function}"


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS, "ProgramVAE", "report"])
def test_docstrings_are_complete(name):
    documented = {**FUNCTIONS, **METHODS, "ProgramVAE": cr.ProgramVAE, "report": cr.report}[name]
    doc = inspect.getdoc(documented)
    assert "Examples\n--------" in doc and ">>> " in doc
    described = set(re.findall(r"\w+", " ".join(line for line in doc.splitlines() if re.match(r"^[\w*, ]+$", line))))
    skipped = {"self", "cls"}
    for parameter in inspect.signature(documented).parameters.values():
        assert parameter.name in described | skipped, f"{parameter.name} is not described"


@pytest.mark.parametrize("name", [*FUNCTIONS, "ProgramVAE", "report"])
def test_every_public_name_is_in_the_api_page(name):
    assert re.search(rf"^\s*{re.escape(name)}$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_front_door_is_light():
    """Neither torch nor scvi-tools is imported before the model is asked for."""
    code = "import sys, crystallin; print(sorted({'torch', 'scvi', 'gseapy'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_root():
    assert "ProgramVAE" in dir(cr)
    assert cr.ProgramVAE.__name__ == "ProgramVAE"
    assert re.fullmatch(r"\d+\.\d+\.\d+", cr.__version__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = cr.nothing


def test_slot_names_are_spelled_in_one_file_only():
    source = ROOT / "src" / "crystallin"
    spelled = re.compile(r"""(?:obsm|varm|uns)\[["']""")
    found = [
        path.name
        for path in source.rglob("*.py")
        # docstrings describe the slots, code must not spell them
        for line in path.read_text(encoding="utf-8").splitlines()
        if spelled.search(line) and "``" not in line and ">>>" not in line and not line.strip().startswith("adata.")
    ]
    assert not found
