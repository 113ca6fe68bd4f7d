"""Figures of ``pl`` as pictures within the page."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure as Drawing

from ._blocks import Figure, Table

# names are no formulas, and the same results make the same page
STYLE = ["default", {"text.parse_math": False, "svg.hashsalt": "crystallin"}]
# bytes above which a picture is made of pixels, these per inch, and those of a page
MAX_SVG, DPI, PAGE_DPI = 350_000, 130, 96
# how the text of a vector graphic gives its width, and in what
SVG_WIDTH, POINTS = re.compile(rb'<svg[^>]* width="([\d.]+)pt"'), 72
# groups and comparisons that can be told apart in a figure, and panels of one
MAX_GROUPS, MAX_PANELS = 30, 12


def picture(
    draw: Callable[[], Any], *, title: str, alt: str, data: pd.DataFrame, note: str = "", name: str = ""
) -> Figure:
    """Draw in matplotlib's own style and keep the figure as text of the page; ``name`` is for the file of its data."""
    with _own_figures():
        axes = draw()
        drawing = (axes[0] if isinstance(axes, list) else axes).figure
        source, width = _encode(drawing)
    return Figure(source, title, alt, width, Table(data, title, name=f"figure {name or title}"), note)


@contextmanager
def _own_figures() -> Iterator[None]:
    """Leave figures, settings and the backend as they were."""
    before = set(plt.get_fignums())
    try:
        with plt.style.context(STYLE), plt.ioff(), warnings.catch_warnings():
            # names may have letters that the font lacks; they are boxes in the figure and right in the tables
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            yield
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)


def _encode(drawing: Drawing) -> tuple[str, int]:
    """The picture as a data URI, and its width on the page."""
    content, options = io.BytesIO(), {"bbox_inches": "tight", "pad_inches": 0.05}
    # without the date, pages of the same results are the same; the resolution is that of clouds of dots within
    drawing.savefig(content, format="svg", dpi=DPI, metadata={"Date": None}, **options)
    kind, width = "svg+xml", float(SVG_WIDTH.search(content.getvalue())[1]) / POINTS * PAGE_DPI
    if content.tell() > MAX_SVG:
        kind, content = "png", io.BytesIO()
        drawing.savefig(content, format="png", dpi=DPI, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}", round(width)
