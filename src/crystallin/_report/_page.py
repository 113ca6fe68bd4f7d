"""The sections as one HTML text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

import jinja2

from ._blocks import Section, Table, slug


def render(title: str, subtitle: str, sections: Sequence[Section], *, footer: str, name: str) -> str:
    """Return the page as HTML; ``name`` is the beginning of the names of CSV files."""
    folder = files(__package__)
    template, style, script = (
        folder.joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    # all text from the data is escaped; as a second barrier, the browser runs this script only and loads nothing
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    sources: dict[tuple, str] = {}
    written: set[str] = set()

    def id_of(table: Table) -> str:
        # data that a figure and a table share are stored once
        return sources.setdefault((id(table.frame), *table.main), f"data-{len(sources) + 1}")

    def is_new(source: str) -> bool:
        is_new = source not in written
        written.add(source)
        return is_new

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment.from_string(template).render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        footer=footer,
        policy=policy,
        style=style,
        script=script,
        id_of=id_of,
        is_new=is_new,
        file_of=lambda table: _file_name(name, table),
    )


def _file_name(name: str, table: Table) -> str:
    return f"{slug(name) or 'report'}_{table.file}.csv"
