"""Common style of the figures."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from ._names import readable

# two colours of the Okabe-Ito palette, which can be distinguished with every kind of colour blindness
UP, DOWN, MUTED = "#0072B2", "#D55E00", "#999999"
TITLE_WIDTH = 28
# points: height of a letter of oblique names of the x axis, and distance of a legend from these
LETTER, GAP = 3.2, 20
LABEL_WIDTH = 44


def wrap(name: str, width: int = TITLE_WIDTH) -> str:
    """Break a long name, such as that of a program, over lines of similar lengths."""
    text = readable(name)
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    longest = max(map(len, text.split()), default=0)
    # as narrow as the number of lines allows, so that no line holds a single word beside a long one
    while len(lines) > 1 and (narrower := max(map(len, lines)) - 1) >= longest:
        again = textwrap.wrap(text, narrower, break_on_hyphens=False)
        if len(again) > len(lines):
            break
        lines = again
    return "\n".join(lines) or name


def panels(
    n: int, n_cols: int, size: tuple[float, float], room: tuple[float, float] = (0, 0), **options: Any
) -> list[Axes]:
    """Return the axes of ``n`` panels in a new figure, at most ``n_cols`` in a row.

    Parameters
    ----------
    n, n_cols
        Number of panels, and in a row.
    size
        Width and height of a panel in inches.
    room
        Width and height that the figure has beside the panels.
    options
        Further arguments of :func:`matplotlib.pyplot.subplots`.
    """
    n_cols = min(n_cols, n)
    n_rows = math.ceil(n / n_cols)
    whole = (room[0] + size[0] * n_cols, room[1] + size[1] * n_rows)
    _, grid = plt.subplots(n_rows, n_cols, figsize=whole, squeeze=False, layout="constrained", **options)
    for spare in grid.ravel()[n:]:
        spare.remove()
    return list(grid.ravel()[:n])


def tidy(ax: Axes) -> None:
    """Remove the top and right spines."""
    ax.spines[["top", "right"]].set_visible(False)


def mark_members(ax: Axes, member: Iterable[bool]) -> None:
    """Write the names of genes on the y axis in italics if they are not members of the program."""
    for label, is_member in zip(ax.get_yticklabels(), member, strict=False):
        label.set_style("normal" if is_member else "italic")


def italics(member: Iterable[bool]) -> dict[str, Any]:
    """Return the key of names in italics, if a gene is not a member of the program; see :func:`mark_members`."""
    style = {"linestyle": "", "marker": r"$\mathit{A}$", "color": "black", "markersize": 5, "markeredgewidth": 0.3}
    return {} if all(member) else {"not a member of the program": Line2D([], [], **style)}


def legend_below(ax: Axes, keys: Mapping[str, Any], depth: float, *, at: float = 0.0, **options: Any) -> None:
    """Draw a legend below the axes.

    Parameters
    ----------
    ax
        Axes.
    keys
        Handle of each entry, by its words.
    depth
        Distance from the axes, in points.
    at
        Place along the axes, from 0 to 1: the left end of the legend at 0, and its middle elsewhere.
    **options
        Further arguments of :meth:`matplotlib.axes.Axes.legend`.
    """
    ax.legend(
        list(keys.values()),
        list(keys),
        frameon=False,
        loc="upper center" if at else "upper left",
        bbox_to_anchor=(at, 0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -depth / 72, ax.figure.dpi_scale_trans),
        **({"borderaxespad": 0} | options),
    )


def legend_below_names(ax: Axes, keys: Mapping[str, Any], names: Iterable[str], **options: Any) -> None:
    """Draw a legend below the oblique names of the x axis; see :func:`legend_below`."""
    if keys:
        legend_below(ax, keys, GAP + LETTER * max(map(len, names)), fontsize=7.5, **options)


def legend_outside(figure: Any, keys: Mapping[str, Any], *, n_cols: int) -> None:
    """Draw a legend below all panels of a figure with a constrained layout."""
    options = {"loc": "outside lower left", "ncols": n_cols, "frameon": False, "fontsize": 7.5}
    figure.legend(list(keys.values()), list(keys), **options)


def finish(axes: Any, show: bool | None) -> Any:
    """Show the figure if asked, and return its axes."""
    if show:
        plt.show()
    return axes


def shorten(name: str, width: int = LABEL_WIDTH) -> str:
    """Shorten a name to one line of ``width`` characters, in the middle, as long names often differ at their ends."""
    name = readable(name)
    if len(name) <= width:
        return name
    words, tail = name.split(" "), ""
    # the end gets up to half of the width, in whole words
    while len(words) > 1 and len(tail) + len(words[-1]) < width // 2:
        tail = f" {words.pop()}{tail}"
    return f"{name[: width - 1 - len(tail)].rstrip()}…{tail}"
