"""Let "Returns" be prose, as scanpy's docstrings have it.

Napoleon reads each line of a numpydoc "Returns" section as a type. Here a section is read so only if it looks like one:
its second line is indented, or its first line is ``name : type``. Anything else is a paragraph.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sphinx.ext.napoleon.docstring import NumpyDocstring

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_parse_as_types = NumpyDocstring._parse_returns_section


def _is_typed(lines: list[str]) -> bool:
    if not lines or re.match(r"\w+ : \S", lines[0]):
        return True
    return len(lines) > 1 and lines[1].startswith(" ")


def _parse_returns_section(self: NumpyDocstring, section: str) -> list[str]:
    rest = list(self._lines)  # a deque that the parser consumes; this copy is only looked at
    if _is_typed(rest):
        return _parse_as_types(self, section)
    lines = self._dedent(self._consume_to_next_section())
    return self._format_block(":returns: ", lines) + [""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Install the reader of "Returns" sections."""
    NumpyDocstring._parse_returns_section = _parse_returns_section
    return {"parallel_read_safe": True, "parallel_write_safe": True}
