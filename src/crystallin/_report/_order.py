"""Figures of all sections gathered in one, so that a reader meets them before the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._blocks import Figure, Gallery, Heading, Section

TITLE = "Figures"


def gathered(sections: Sequence[Section]) -> tuple[list[Section], list[Section]]:
    """Return a section with the figures of all sections, if there are any, and the sections without them.

    A heading that stands above figures is repeated above them, unless their titles say the same.
    """
    figures: list[Any] = []
    others: list[Section] = []
    for section in sections:
        heading, kept = None, []
        for block in section.blocks:
            if isinstance(block, Heading):
                heading = block
            if not isinstance(block, Figure | Gallery):
                kept.append(block)
                continue
            if isinstance(block, Gallery) and not block.figures:
                continue
            title = block.title if isinstance(block, Figure) else ""
            if heading is not None and heading.text not in title:
                figures.append(heading)
            heading = None
            figures.append(block)
        others.append(Section(section.title, kept))
    return [Section(TITLE, figures)] if figures else [], others
