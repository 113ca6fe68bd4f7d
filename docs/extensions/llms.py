"""Write ``llms.txt`` beside the pages: what there is to read, for language models and those who feed them.

The format is that of https://llmstxt.org. Pages are linked as the Markdown they are written in, unless that only pulls
in text from elsewhere. Public functions stand with the first line of their docstring, so the file is never older than
the package.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOMS = ("pp", "tl", "get", "pl", "datasets")


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the file once the pages are built."""
    if exception is None and app.builder.name in ("html", "dirhtml"):
        import crystallin

        docs, base = Path(app.srcdir), app.config.html_baseurl
        pages = {
            name: (title.astext(), base + address(name, Path(app.env.doc2path(name)).read_text(encoding="utf-8")))
            for name, title in app.env.titles.items()
            if not name.startswith("generated/")
        }
        readme, index = ((docs / name).read_text(encoding="utf-8") for name in ("../README.md", "index.md"))
        text = overview(readme, index, pages, functions(crystallin), base)
        Path(app.outdir, "llms.txt").write_text(text, encoding="utf-8")


def address(name: str, source: str) -> str:
    """Return where a page can be read: its source, which Sphinx copies, or the page if directives make it."""
    if name.startswith("notebooks/"):
        return f"_sources/{name}.ipynb.txt"
    return f"{name}.html" if re.search(r"```\{(include|eval-rst)\}", source) else f"_sources/{name}.md.txt"


def overview(
    readme: str, index: str, pages: dict[str, tuple[str, str]], names: Iterable[tuple[str, str]], base: str = ""
) -> str:
    """Return the text.

    Title and summary are those of the README, pages with title and address are in the order of the front page, and
    public names come with their summaries.
    """
    title, summary = re.search(r"^# (.+)\n+((?:\S.*\n)+)", readme, re.MULTILINE).groups()
    listed = re.search(r"^```\{toctree\}\n(?:.*\n)*?```", index, re.MULTILINE).group()
    order = [name for name in listed.splitlines() if name in pages]
    others = sorted(name for name in pages if name not in {*order, "index"})

    def links(names: list[str]) -> list[str]:
        return [f"- [{pages[name][0]}]({pages[name][1]})" for name in names]

    api = [f"- [`{name}`]({base}generated/{name}.html): {summary}" for name, summary in names]
    parts = [("Pages", links(order)), ("Notebooks", links(others)), ("Public functions", api)]
    quoted = [f"> {line}" for line in summary.strip().splitlines()]
    return "\n".join(
        [f"# {title}", "", *quoted, *(line for name, part in parts for line in ("", f"## {name}", "", *part)), ""]
    )


def functions(package: Any) -> list[tuple[str, str]]:
    """Return each public name of the package with the first line of its docstring."""
    found = [(name, getattr(package, name)) for name in package.__all__ if name not in ROOMS]
    for room in ROOMS:
        held = getattr(package, room)
        found += [(f"{room}.{name}", getattr(held, name)) for name in held.__all__]
    return [(f"{package.__name__}.{name}", plain(inspect.getdoc(what).splitlines()[0])) for name, what in found]


def plain(line: str) -> str:
    """Return a line of reStructuredText as Markdown: roles and literals become code."""
    line = re.sub(r":[\w:]+:`([^`]*)`", lambda match: f"`{match[1].removeprefix('~')}`", line)
    return line.replace("``", "`")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the writer."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
