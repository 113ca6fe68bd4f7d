"""Figures of ``pl``, embedded as pictures in the page."""

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

# names are not parsed as formulas, and the same results give the same page
STYLE = ["default", {"text.parse_math": False, "svg.hashsalt": "crystallin"}]
# larger SVG files, in bytes, are replaced by pixels; pixels per inch of these, and of a page
MAX_SVG, DPI, PAGE_DPI = 350_000, 130, 96
# pattern that finds the width of an SVG file, which is in points; points per inch
SVG_WIDTH, POINTS = re.compile(rb'<svg[^>]* width="([\d.]+)pt"'), 72
# largest number of groups or comparisons in a figure, and of its panels
MAX_GROUPS, MAX_PANELS = 30, 12


def picture(
    draw: Callable[[], Any], *, title: str, alt: str, data: pd.DataFrame, note: str = "", name: str = ""
) -> Figure:
    """Draw in matplotlib's default style and return the figure as text for the page; ``name`` names its data file."""
    with _own_figures():
        axes = draw()
        drawing = (axes[0] if isinstance(axes, list) else axes).figure
        source, width = _encode(drawing)
    return Figure(source, title, alt, width, Table(data, title, name=f"figure {name or title}"), note)


@contextmanager
def _own_figures() -> Iterator[None]:
    """Restore the user's figures, settings and backend afterwards."""
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
    """Return the picture as a data URI, and its width on the page."""
    content, options = io.BytesIO(), {"bbox_inches": "tight", "pad_inches": 0.05}
    # without the date, the same results give the same page; the resolution applies to the scatter plots within the SVG
    drawing.savefig(content, format="svg", dpi=DPI, metadata={"Date": None}, **options)
    kind, width = "svg+xml", float(SVG_WIDTH.search(content.getvalue())[1]) / POINTS * PAGE_DPI
    if content.tell() > MAX_SVG:
        kind, content = "png", io.BytesIO()
        drawing.savefig(content, format="png", dpi=DPI, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}", round(width)
