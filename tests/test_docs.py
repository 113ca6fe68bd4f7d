"""How the pages of the documentation are made: equations, and the summary of the benchmarks."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


def load(path):
    """Import a file that is not in a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def equations():
    pytest.importorskip("ziamath")
    return load(ROOT / "docs" / "extensions" / "equations.py")


@pytest.fixture
def summary(monkeypatch):
    if not BENCHMARKS.is_dir():
        pytest.skip("An sdist has no benchmarks.")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield load(BENCHMARKS / "_sections_summary.py"), load(BENCHMARKS / "summary.py")
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == BENCHMARKS:
            del sys.modules[name]


def test_equations_are_drawn_in_place(equations):
    drawn = equations.svg(r'\bar W_{pg} < \text{"x"}', inline=True)
    assert drawn.startswith('<svg class="equation" role="img"') and "<path" in drawn
    assert "vertical-align:-" in drawn and "em" in drawn
    # nothing is fetched, and nothing of the LaTeX ends the label early
    assert "<use" not in drawn and "href" not in drawn
    assert 'aria-label="\\bar W_{pg} &lt; \\text{&quot;x&quot;}"' in drawn


def test_an_unknown_command_is_named(equations):
    with pytest.raises(ValueError, match=r"commands that ziamath does not know: \\nosuch"):
        equations.svg(r"\nosuch x", inline=False)


def test_no_page_asks_for_a_script_of_others():
    text = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    assert "mathjax" not in text and 'html_math_renderer = "svg"' in text


def test_the_worst_value_is_judged(summary):
    rows, _ = summary
    assert rows._at_least("a: b", "data", [0.99, 0.94], 0.95) == ("a: b", "data", "≥ 95%", "94.0%", False)
    assert rows._at_most("a: b", "data", [0.01, 0.05], 0.05) == ("a: b", "data", "≤ 5%", "5.0%", True)


def test_the_page_counts_what_is_met(summary):
    rows, _ = summary
    text = rows.summary()
    n, of = (int(word) for word in text.split("**")[1].split()[::2][:2])
    assert text.count("| met |") == n
    assert text.count("| **missed** |") == of - n


def test_where_others_are_better_the_figure_shows_it(summary):
    _, figure = summary
    of_cells = {"crystallin": 0.8, "ulm, rankby_group": 0.9, "ulm, mean": 0.7, "score_genes, mean": 0.6}
    leiden = {name: {"of_cells": {"lineage": value}} for name, value in of_cells.items()}
    found = {row.method: row.filled for row in figure.names({"data": {"leiden": leiden}})}
    assert found["decoupler, ulm + rankby_group"] == [0.9] and found["crystallin"] == [0.8]


def test_a_rule_that_calls_nothing_has_no_share_of_false_calls(summary):
    _, figure = summary
    assert figure._shares({"calls": 0, "mean_of_replicates": 0.0, "power": 0.0}, "mean_of_replicates") == ([], [0.0])
