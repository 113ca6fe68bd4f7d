"""Print the notes of a release, or say why there can be none.

``python .ci/release.py v0.2.0`` checks that the tag, ``pyproject.toml``, ``CITATION.cff`` and ``CHANGELOG.md`` name one
version, and prints the changelog's section on it. The release workflow runs this before it builds anything.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"## (?P<version>\S+)(?: - (?P<date>\S+))?\s*")
ITEM = re.compile(r"\s*([-*+]|\d+\.)\s")


def main(arguments: list[str]) -> int:
    """Print the notes to the standard output, problems to the standard error."""
    if len(arguments) != 1:
        print("usage: python .ci/release.py TAG", file=sys.stderr)
        return 2
    found = problems(arguments[0], ROOT)
    if found:
        print(*found, sep="\n", file=sys.stderr)
        return 1
    print(unwrap(sections(read(ROOT, "CHANGELOG.md"))[arguments[0].removeprefix("v")][1]))
    return 0


def problems(tag: str, root: Path) -> list[str]:
    """Return what keeps the commit from being released under this tag."""
    version = tomllib.loads(read(root, "pyproject.toml"))["project"]["version"]
    cited = cited_as(read(root, "CITATION.cff"))
    found = []
    if tag != f"v{version}":
        found.append(f"The tag is {tag}, but pyproject.toml has version {version}: the tag should be v{version}.")
    if cited["version"] != version:
        found.append(f"CITATION.cff has version {cited['version']}, pyproject.toml has {version}.")
    day, text = sections(read(root, "CHANGELOG.md")).get(version, (None, ""))
    if not text:
        found.append(f"CHANGELOG.md has no entries under a heading '## {version} - YYYY-MM-DD'.")
    elif not is_date(day):
        found.append(f"CHANGELOG.md should date the release: '## {version} - YYYY-MM-DD'.")
    elif cited["date-released"] != day:
        found.append(f"CITATION.cff should have 'date-released: {day}' as CHANGELOG.md does.")
    return found


def read(root: Path, name: str) -> str:
    """Return the text of a file of the repository."""
    return (root / name).read_text(encoding="utf-8")


def sections(changelog: str) -> dict[str, tuple[str | None, str]]:
    """Return the date and the text of each version, newest first."""
    found: dict[str, tuple[str | None, list[str]]] = {}
    lines: list[str] = []  # what comes before the first version belongs to none
    for line, is_code in with_code(changelog):
        heading = None if is_code else HEADING.fullmatch(line)
        if heading:
            lines = []
            found[heading["version"].strip("[]")] = (heading["date"], lines)
        else:
            lines.append(line)
    return {version: (day, "\n".join(text).strip()) for version, (day, text) in found.items()}


def unwrap(markdown: str) -> str:
    """Join the lines of each paragraph and list item: GitHub shows every line break of release notes."""
    joined: list[str] = []
    may_go_on = False
    for line, is_code in with_code(markdown):
        starts = is_code or not line.strip() or line.startswith("#") or ITEM.match(line)
        if may_go_on and not starts:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
        may_go_on = not is_code and bool(line.strip()) and not line.startswith("#")
    return "\n".join(joined)


def with_code(markdown: str) -> Iterator[tuple[str, bool]]:
    """Pair each line with whether it belongs to a fenced block of code."""
    inside = False
    for line in markdown.splitlines():
        is_fence = line.lstrip().startswith("```")
        yield line, inside or is_fence
        inside ^= is_fence


def cited_as(citation: str) -> dict[str, str | None]:
    """Return version and date of a ``CITATION.cff``, without a YAML reader."""
    names = ("version", "date-released")
    matches = {name: re.search(rf"^{name}:[ ]*['\"]?([^\s'\"]+)", citation, re.MULTILINE) for name in names}
    return {name: match and match[1] for name, match in matches.items()}


def is_date(text: str | None) -> bool:
    """Return whether this is a date as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text or "").isoformat() == text
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
