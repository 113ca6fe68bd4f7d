"""Conventions of the public API, held by walking it."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crystallin as cr
from crystallin._registry import RESULTS
from crystallin._report._columns import COLUMNS

ROOMS = ("pp", "tl", "get", "pl", "datasets")
FUNCTIONS = {f"{room}.{name}": getattr(getattr(cr, room), name) for room in ROOMS for name in getattr(cr, room).__all__}
METHODS = {
    f"ProgramVAE.{name}": getattr(cr.ProgramVAE, name)
    for name in (
        "setup_anndata",
        "train",
        "reading",
        "prepare_query_anndata",
        "get_activity",
        "get_activities",
        "sample_activity",
        "get_posterior_covariance",
        "get_loadings",
        "get_free_genes",
        "get_total_weights",
        "get_attributions",
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
    # a course of training, and the plan of a study, are not in AnnData
    assert parameters[0].name == {"pl.history": "model", "pl.power": "table"}.get(name, "adata")
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 3
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    if name.startswith(("pp.", "tl.")):
        # genes are selected for all collections of programs
        assert keywords["copy"] is False and keywords["key_added"] in ("programs", None, "selected")
        # what is written elsewhere is read from the programs' slots
        assert keywords["key_added"] in ("programs", "selected") or keywords["key"] == "programs"
    if name.startswith("pl."):
        assert keywords["ax"] is None and keywords["show"] is None and "save" not in keywords


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_function_per_file_named_after_it(name):
    room, function = name.split(".")
    assert FUNCTIONS[name].__module__ == f"crystallin.{room}._{function}"


@pytest.mark.parametrize(
    "name", [*FUNCTIONS, *METHODS, "ProgramVAE", "calibrate", "export", "map", "report", "write_gmt"]
)
def test_docstrings_are_complete(name):
    documented = (FUNCTIONS | METHODS).get(name) or getattr(cr, name)
    doc = inspect.getdoc(documented)
    assert "Examples\n--------" in doc and ">>> " in doc
    described = set(re.findall(r"\w+", " ".join(line for line in doc.splitlines() if re.match(r"^[\w*, ]+$", line))))
    skipped = {"self", "cls"}
    for parameter in inspect.signature(documented).parameters.values():
        assert parameter.name in described | skipped, f"{parameter.name} is not described"


@pytest.mark.parametrize("name", [*FUNCTIONS, "ProgramVAE", "calibrate", "export", "map", "report", "write_gmt"])
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


# where results are; layers hold the data
SLOTS = {"obsm", "obsp", "uns", "varm", "varp"}
# embeddings of others are read from here, so a text may be a key; writing is another matter
READ_FREELY = {"obsm", "obsp", "varp"}


def is_spelled(key, constants):
    """Whether an expression is a key written out here, rather than taken from ``_keys``."""
    match key:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
            return is_spelled(left, constants) or is_spelled(right, constants)
        case ast.Name(id=name):
            return name in constants
    return False


def spelled_keys(source):
    """Return every key of an AnnData slot that Python code writes out, by line."""
    tree = ast.parse(source)
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    constants = {
        name.id
        for node in assigned
        if is_spelled(node.value, ())
        for name in node.targets
        if isinstance(name, ast.Name)
    }

    def slot(node):
        name = getattr(node, "attr", getattr(node, "id", None))
        return name if name in SLOTS else None

    for node in ast.walk(tree):
        keys = []
        match node:
            case ast.Subscript(value=held, slice=key, ctx=context) if slot(held):
                if not (isinstance(context, ast.Load) and slot(held) in READ_FREELY):
                    keys = [key]
            case ast.Call(func=ast.Attribute(value=held, attr=method), args=[key, *_]) if slot(held):
                if method != "get" or slot(held) not in READ_FREELY:
                    keys = key.keys if isinstance(key, ast.Dict) else [key]
            case ast.Compare(left=key, comparators=[held]) if slot(held) and slot(held) not in READ_FREELY:
                keys = [key]
            case ast.keyword(arg=name, value=ast.Dict(keys=keys)) if name in SLOTS:
                pass
            case (
                ast.Assign(targets=[held], value=ast.Dict(keys=keys))
                | ast.AugAssign(target=held, value=ast.Dict(keys=keys))
            ) if slot(held):
                pass
            case _:
                continue
        yield from (f"line {node.lineno}: {ast.unparse(node)}" for key in keys if key and is_spelled(key, constants))


@pytest.mark.parametrize(
    "code",
    [
        'adata.uns["leakage"] = {}',
        'adata.uns[f"{key}_leakage"] = {}',
        'adata.varm[key + "_loadings"] = x',
        'KEY = "leakage"\nadata.uns[KEY] = {}',
        'del adata.obsm["X_programs"]',
        'adata.uns.setdefault("leakage", {})',
        'adata.uns.update({"leakage": {}})',
        'adata.uns |= {"leakage": {}}',
        'uns = adata.uns\nuns["leakage"] = {}',
        'AnnData(x, uns={"leakage": {}})',
        'x = adata.uns["leakage"]',
        'x = adata.uns.get("leakage")',
        'x = "leakage" in adata.uns',
        'if True:\n    adata.uns["a" if one else "b"] = 1',
    ],
)
def test_spelled_keys_are_found(code):
    assert len(list(spelled_keys(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        'def f():\n    """``adata.uns["leakage"]``"""',
        "adata.uns[key] = {}",
        "adata.uns[keys.result(TOOL)] = {}",
        'adata.uns.get(Keys(str(params.get("key"))).uns)',
        'x = adata.obsm["X_umap"]',
        'adata.obs["label"] = x',
    ],
)
def test_keys_from_elsewhere_are_left_alone(code):
    assert list(spelled_keys(code)) == []


def test_slot_names_are_spelled_in_one_file_only():
    source = ROOT / "src" / "crystallin"
    found = [
        f"{path.relative_to(source).as_posix()} {key}"
        for path in sorted(source.rglob("*.py"))
        if path.name != "_keys.py"
        for key in spelled_keys(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_result_names_its_tool_accessor_and_plots():
    for tool, result in RESULTS.items():
        # what is not in tl is in the package itself
        assert tool in (cr.tl.__all__ if result.room == "tl." else cr.__all__) and result.room in ("tl.", "")
    accessors = {result.accessor for result in RESULTS.values()}
    assert len(accessors) == len(RESULTS) and accessors <= set(cr.get.__all__)
    plots = [plot for result in RESULTS.values() for plot in result.plots]
    assert len(set(plots)) == len(plots) and set(plots) <= set(cr.pl.__all__)
    for tool, result in RESULTS.items():
        assert result.call.startswith(f"{tool}(adata")
    # accessors of results are all in the registry; the others read the programs' own slots
    of_programs = {
        "activity",
        "activity_df",
        "free_programs_df",
        "loadings_df",
        "programs_df",
        "contrast_params",
        "like_reference",
        "map_cells_df",
        "pseudobulk",
    }
    assert set(cr.get.__all__) == accessors | of_programs | {"completed_programs"}


def test_every_figure_of_a_result_is_in_the_registry():
    """A figure whose key is by default that of a result draws this result."""
    for name in cr.pl.__all__:
        key = inspect.signature(getattr(cr.pl, name)).parameters.get("key")
        if key is not None and key.default in RESULTS:
            assert name in RESULTS[key.default].plots, name


def test_no_file_is_long():
    package = Path(cr.__file__).parent
    lengths = {str(path.relative_to(package)): len(path.read_text().splitlines()) for path in package.rglob("*.py")}
    assert not {name: length for name, length in lengths.items() if length > 300}


def test_every_column_of_the_ranking_is_explained_in_the_report(result, model):
    result.obs["donor"] = [str(i % 6) for i in range(result.n_obs)]
    labels = {"stratum", "group", "reference", "program"}
    for options in ({}, {"sample_key": "donor", "exact": True}):
        cr.tl.rank_programs_groups(result, model, "cell_type", **options)
        assert set(cr.get.rank_programs_groups_df(result, columns="all")) - labels <= set(COLUMNS)
    cr.tl.compare(result, model, "~ cell_type", contrast={"cell_type": ("type 0", "type 1")}, sample_key="donor")
    assert set(cr.get.compare_df(result, columns="all")) - labels <= set(COLUMNS)


@pytest.mark.parametrize("summary", [False, True])
def test_every_column_of_the_audit_is_explained_in_the_report(audited, summary):
    columns = set(cr.get.audit_df(audited(), summary=summary))
    assert columns - {"program", "gene"} <= set(COLUMNS)


def test_every_column_of_a_mapped_query_is_explained_in_the_report(mapped):
    assert set(cr.get.map_df(mapped(), columns="all")) - {"group"} <= set(COLUMNS)
