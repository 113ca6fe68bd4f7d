"""What a release says about itself, and what it holds."""

import importlib.util
import re
import tarfile
import tomllib
import zipfile
from contextlib import chdir
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import crystallin as cr

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "crystallin"


def load(path):
    """Import a file that is not in a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = load(ROOT / ".ci" / "release.py")
llms = load(ROOT / "docs" / "extensions" / "llms.py")

CHANGELOG = """# Changelog

Words before the first version.

## Unreleased

## 0.10.0 - 2026-03-01

### Added

- One thing that takes
  two lines, and `code`.
- Another.

A paragraph
of two lines.

```python
## 9.9.9 - 2030-01-01
x = 1
```

## [0.2.0] - 2026-01-01

- Older.
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.10.0"\n', encoding="utf-8")
    (tmp_path / "CITATION.cff").write_text(
        'cff-version: 1.2.0\nversion: "0.10.0"\ndate-released: 2026-03-01\n', encoding="utf-8"
    )
    return tmp_path


def test_version_citation_and_changelog_agree():
    """Between releases the newest changes are unreleased; none is dated above the version."""
    stated = release.read(ROOT, "CITATION.cff")
    assert release.cited_as(stated)["version"] == cr.__version__ == version("crystallin")
    assert f'version = "{cr.__version__}"' in release.read(ROOT, "pyproject.toml")
    sections = release.sections(release.read(ROOT, "CHANGELOG.md"))
    dated = [name for name in sections if name != "Unreleased"]
    numbers = [tuple(map(int, name.split("."))) for name in dated]
    assert numbers == sorted(numbers, reverse=True)
    assert all(release.is_date(sections[name][0]) for name in dated)
    assert all(number <= tuple(map(int, cr.__version__.split("."))) for number in numbers)
    assert next(iter(sections)) in ("Unreleased", cr.__version__)


def test_section_of_the_changelog():
    found = release.sections(CHANGELOG)
    assert list(found) == ["Unreleased", "0.10.0", "0.2.0"]
    assert found["Unreleased"] == (None, "")
    assert found["0.2.0"] == ("2026-01-01", "- Older.")
    day, text = found["0.10.0"]
    assert date.fromisoformat(day) == date(2026, 3, 1)
    # a heading inside of code is code
    assert text.startswith("### Added") and text.endswith("x = 1\n```") and "Older" not in text


def test_lines_are_joined_as_github_shows_them():
    text = release.unwrap(release.sections(CHANGELOG)["0.10.0"][1])
    assert text.splitlines() == [
        "### Added",
        "",
        "- One thing that takes two lines, and `code`.",
        "- Another.",
        "",
        "A paragraph of two lines.",
        "",
        "```python",
        "## 9.9.9 - 2030-01-01",
        "x = 1",
        "```",
    ]


def test_a_release_that_agrees_has_no_problems(checkout):
    assert release.problems("v0.10.0", checkout) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "tag", "message"),
    [
        ("pyproject.toml", "", "", "v0.11.0", "the tag should be v0.10.0"),
        ("pyproject.toml", "", "", "0.10.0", "the tag should be v0.10.0"),
        ("CITATION.cff", "0.10.0", "0.9.0", "v0.10.0", "CITATION.cff has version 0.9.0"),
        ("CITATION.cff", "2026-03-01", "2026-03-02", "v0.10.0", "should have 'date-released: 2026-03-01'"),
        ("CITATION.cff", "date-released", "date", "v0.10.0", "should have 'date-released: 2026-03-01'"),
        ("CHANGELOG.md", "## 0.10.0 - 2026-03-01", "## 0.10.0", "v0.10.0", "should date the release"),
        ("CHANGELOG.md", "2026-03-01", "2026-13-01", "v0.10.0", "should date the release"),
        ("CHANGELOG.md", "## 0.10.0 - 2026-03-01\n", "", "v0.10.0", "no entries under a heading '## 0.10.0"),
        ("pyproject.toml", "0.10.0", "0.2", "v0.2", "no entries under a heading '## 0.2 "),
    ],
)
def test_a_release_that_disagrees_is_refused(checkout, file, old, new, tag, message):
    path = checkout / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert any(message in problem for problem in release.problems(tag, checkout))


def test_notes_are_printed_and_problems_are_not_among_them(checkout, monkeypatch, capsys):
    monkeypatch.setattr(release, "ROOT", checkout)
    assert release.main(["v0.10.0"]) == 0
    assert capsys.readouterr().out.startswith("### Added\n")
    assert release.main(["v0.11.0"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "the tag should be v0.10.0" in err
    assert release.main([]) == 2


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist, built without a fresh environment."""
    pytest.importorskip("hatch_fancy_pypi_readme")
    sdist = pytest.importorskip("hatchling.builders.sdist").SdistBuilder
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder
    folder = str(tmp_path_factory.mktemp("dist"))
    with chdir(ROOT):  # README.md is looked for here
        return [Path(next(iter(builder(str(ROOT)).build(directory=folder)))) for builder in (wheel, sdist)]


def test_the_wheel_holds_every_file_of_the_package(built):
    with zipfile.ZipFile(built[0]) as archive:
        held = {name for name in archive.namelist() if name.startswith("crystallin/")}
        metadata = archive.read(f"crystallin-{cr.__version__}.dist-info/METADATA").decode()
    files = {path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert held == {f"crystallin/{path.relative_to(SOURCE).as_posix()}" for path in files}
    assert {"crystallin/py.typed", "crystallin/programs/immune.tsv", "crystallin/_report/report.html"} <= held
    assert "Requires-Dist: scvi-tools" in metadata and "Classifier: Typing :: Typed" in metadata


def test_the_page_on_pypi_has_no_links_into_a_folder_that_is_not_there(built):
    with zipfile.ZipFile(built[0]) as archive:
        page = archive.read(f"crystallin-{cr.__version__}.dist-info/METADATA").decode().partition("\n\n")[2]
    links = [part.split(")")[0] for part in page.split("](")[1:]]
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert f"/crystallin/blob/v{cr.__version__}/docs/model.md" in page
    assert f"raw.githubusercontent.com/scverse-plugins/crystallin/v{cr.__version__}/docs/_static/kang.png" in page


def test_the_sdist_holds_what_the_tests_look_at(built):
    with tarfile.open(built[1]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "CITATION.cff",
        "CHANGELOG.md",
        ".ci/release.py",
        "docs/api.md",
        "tests/conftest.py",
    } <= held
    assert not any(name.startswith(("docs/_build", "docs/generated", "benchmarks")) for name in held)


def test_scvi_tools_is_capped_below_the_next_minor_version():
    """The range and the versions that ``_compat`` was checked on move together."""
    project = tomllib.loads(release.read(ROOT, "pyproject.toml"))["project"]
    (allowed,) = (r.specifier for r in map(Requirement, project["dependencies"]) if r.name == "scvi-tools")
    docstring = release.read(ROOT, "src/crystallin/model/_compat.py").split('"""')[1]
    checked = sorted(map(Version, re.findall(r"\b1\.\d+\.\d+", docstring)))
    assert len(checked) > 1 and all(version in allowed for version in checked)
    newest = checked[-1]
    assert f"{newest.major}.{newest.minor}.99" in allowed
    assert f"{newest.major}.{newest.minor + 1}.0" not in allowed


def test_llms_txt_names_every_page_and_every_public_name():
    readme, index = release.read(ROOT, "README.md"), release.read(ROOT, "docs/index.md")
    names = llms.functions(cr)
    assert {"crystallin.ProgramVAE", "crystallin.fit", "crystallin.tl.activity", "crystallin.datasets.simulate"} <= {
        name for name, _ in names
    }
    base = "https://example.org/en/latest/"
    titles = {"index": "crystallin", "model": "The model", "notebooks/quickstart": "Quickstart"}
    pages = {name: (title, base + llms.address(name, "text")) for name, title in titles.items()}
    text = llms.overview(readme, index, pages, names, base)
    assert text.startswith("# crystallin\n\n> **Gene programs you can see through.** crystallin trains a variational")
    assert "- [The model](https://example.org/en/latest/_sources/model.md.txt)\n" in text
    assert "- [Quickstart](https://example.org/en/latest/_sources/notebooks/quickstart.ipynb.txt)\n" in text
    for name, summary in names:
        assert summary and f"- [`{name}`](https://example.org/en/latest/generated/{name}.html): {summary}\n" in text


def test_llms_txt_reads_well():
    assert llms.plain("Fit :class:`~a.B` with ``x`` by :func:`c.d`.") == "Fit `a.B` with `x` by `c.d`."
    # the source of these pages is a directive, which says nothing
    assert llms.address("api", release.read(ROOT, "docs/api.md")) == "api.html"
    assert llms.address("changelog", release.read(ROOT, "docs/changelog.md")) == "changelog.html"
    assert llms.address("index", release.read(ROOT, "docs/index.md")) == "index.html"
    assert llms.address("model", release.read(ROOT, "docs/model.md")) == "_sources/model.md.txt"
