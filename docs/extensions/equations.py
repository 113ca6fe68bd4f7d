"""Draw equations when the pages are built: they need no script, no network and no mathematical font to be read.

ziamath turns the LaTeX into SVG in the colour and size of the text around it. The LaTeX itself is the label that screen
readers speak. A command that it does not know is a warning, which fails the build.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

import ziamath
from docutils import nodes
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
SIZE = 16


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write an equation that stands in a sentence."""
    self.body.append(drawn(node, inline=True))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation that stands on lines of its own."""
    self.body.append(f'<div class="equation">{drawn(node, inline=False)}</div>\n')
    raise nodes.SkipNode


def drawn(node: nodes.Element, *, inline: bool) -> str:
    """Return an equation as SVG, or its LaTeX with a warning if it cannot be read."""
    latex = node.astext().strip()
    try:
        return svg(latex, inline=inline)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{escape(latex)}</code>"


def svg(latex: str, *, inline: bool) -> str:
    """Return an equation as SVG that stands on the baseline of the text, measured in its font size."""
    ziamath.config.svg2 = False  # outlines in place: the equations of a page share no identifiers
    equation = ziamath.Latex(latex, size=SIZE, color="currentColor", inline=inline)
    unknown = re.findall(r"\\[A-Za-z]+", equation.mathmlstr())
    if unknown:
        raise ValueError(f"Equation {latex!r} has commands that ziamath does not know: {', '.join(unknown)}.")
    picture = equation.svgxml()
    _, top, width, height = map(float, picture.get("viewBox").split())
    style = f"width:{width / SIZE:.3f}em;height:{height / SIZE:.3f}em;vertical-align:{-(top + height) / SIZE:.3f}em"
    outlines = re.sub(r"^<svg[^>]*>|</svg>$", "", equation.svg().strip())
    return (
        f'<svg class="equation" role="img" aria-label="{escape(latex)}" style="{style}"'
        f' viewBox="{picture.get("viewBox")}">{outlines}</svg>'
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("svg", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
