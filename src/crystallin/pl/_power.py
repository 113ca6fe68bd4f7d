"""Power against the number of donors."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from crystallin import _checks as checks

from ._style import MUTED, finish, shorten, tidy, wrap

# inches: a panel, and a line of the legend
WIDTH, HEIGHT, LEGEND_LINE = 2.9, 2.5, 0.19
COLOURS, SPAN = "viridis_r", (0.2, 0.95)
# quantiles of programs that the band spans, and the power that is aimed at
BAND, AIM = (0.1, 0.9), 0.8
TYPICAL = "typical"
WRAP = 40
TRIANGLE: dict[str, Any] = {
    "color": "black",
    "marker": "^",
    "markersize": 7,
    "markeredgecolor": "white",
    "markeredgewidth": 0.7,
    "clip_on": False,
    "zorder": 4,
}
# opacity of bands and of their edges
BAND_ALPHA, EDGE_ALPHA = 0.13, 0.45
LABELS = ("stratum", "contrast", "group", "reference")
NEEDED = ("program", "n_donors", "n_cells", "effect", "power", "pilot_donors", "pilot_cells")


def power(table: pd.DataFrame, *, n_cols: int = 3, ax: Axes | None = None, show: bool | None = None) -> Any:
    """Draw the power of planned studies against the number of donors, with a line for each number of cells.

    Lines are the typical program, with the median standard deviations. Bands contain the programs between the tenth and
    the ninetieth percentile of power. The dashed line is a power of 80 %. The triangle on the axis is the size of the
    pilot. There is a panel for each stratum, comparison and size of effect.

    Parameters
    ----------
    table
        Result of :func:`crystallin.power`, or rows of it.
    n_cols
        Number of panels in a row.
    ax
        Axes to draw on; only for a single panel.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes for a single panel, else a list of Axes.

    Raises
    ------
    TypeError
        If ``table`` is not a DataFrame.
    ValueError
        If it is not a result of :func:`crystallin.power`, or empty, or ``ax`` is given for several panels.

    Examples
    --------
    >>> import crystallin as cr
    >>> plan = cr.power(effect=0.4, n_donors=range(6, 41, 2), n_cells=[20, 50, 200], sample_sd=0.25, cell_sd=0.9)
    >>> ax = cr.pl.power(plan)
    """
    checks.check_int(n_cols, "n_cols", 1)
    _check_table(table)
    by = [name for name in (*LABELS, "effect") if name in table]
    panels = list(table.groupby(by, sort=False, observed=True))
    if ax is not None and len(panels) > 1:
        msg = (
            f"ax has room for one panel, but there are {len(panels)} (strata x comparisons x effects). Select rows of "
            "one of them, or leave ax out."
        )
        raise ValueError(msg)
    colours = _colours(table)
    n_cols = min(n_cols, len(panels))
    keys = _keys(table, colours)
    axes = [ax] if ax is not None else _axes(len(panels), n_cols, _n_lines(keys, n_cols))
    titles, common = _titles(pd.DataFrame([labels for labels, _ in panels], columns=by))
    if np.nan in colours:
        # how many cells are meant
        titles = [
            "\n".join(filter(None, [title, f"{rows['n_cells'].iloc[0]:.0f} cells per sample"]))
            for title, (_, rows) in zip(titles, panels, strict=True)
        ]
    for i, (panel, (_, rows), title) in enumerate(zip(axes, panels, titles, strict=True)):
        _draw(panel, rows, colours)
        panel.set_title(title, fontsize=9)
        if i % n_cols == 0:
            panel.set_ylabel("power", fontsize=8)
        if i < len(panels) - n_cols:
            panel.set_xlabel("")
    if common:
        axes[0].figure.suptitle(common, fontsize=10)
    _draw_legend(axes, keys, n_cols, is_own=ax is None)
    return finish(axes[0] if len(axes) == 1 else axes, show)


def _check_table(table: Any) -> None:
    if not isinstance(table, pd.DataFrame):
        msg = f"table is a {type(table).__name__}; give the DataFrame that crystallin.power returns."
        raise TypeError(msg)
    missing = [name for name in NEEDED if name not in table]
    if missing:
        msg = f"table has no column(s) {checks.some(missing)}; give the DataFrame that crystallin.power returns."
        raise ValueError(msg)
    if not (table["program"] == TYPICAL).any():
        msg = f"table has no rows of the program {TYPICAL!r}, which lines show. Select rows by other columns."
        raise ValueError(msg)


def _colours(table: pd.DataFrame) -> dict[float, Any]:
    """Return the colour of each number of cells, the darker the more; NaN stands for that of the pilot."""
    if table["n_cells"].equals(table["pilot_cells"]):
        # this differs between strata
        return {np.nan: colormaps[COLOURS](SPAN[1])}
    cells = sorted(table["n_cells"].unique())
    places = np.linspace(*SPAN, len(cells)) if len(cells) > 1 else [SPAN[1]]
    return dict(zip(cells, colormaps[COLOURS](places), strict=True))


def _titles(labels: pd.DataFrame) -> tuple[list[str], str]:
    """Return the titles of panels, and the title of the figure: what several panels have in common."""
    words = pd.DataFrame(index=labels.index)
    if "stratum" in labels:
        words["stratum"] = labels["stratum"].astype(str).map(shorten)
    if "contrast" in labels:
        words["what"] = [wrap(name, WRAP) for name in labels["contrast"].astype(str)]
    elif "group" in labels:
        words["what"] = [wrap(f"{row.group} against {row.reference}", WRAP) for row in labels.itertuples()]
    words["effect"] = [f"effect {value:g}" for value in labels["effect"]]
    same = (words.nunique() == 1) & (len(words) > 1)
    titles = ["\n".join(filter(None, row)) for row in words.loc[:, ~same].to_numpy()]
    return titles, ", ".join(filter(None, words.loc[:, same].iloc[0])).replace("\n", " ")


def _axes(n: int, n_cols: int, n_lines: int) -> list[Axes]:
    n_rows = math.ceil(n / n_cols)
    size = (WIDTH * n_cols, HEIGHT * n_rows + LEGEND_LINE * n_lines)
    _, grid = plt.subplots(n_rows, n_cols, figsize=size, squeeze=False, sharey=True, layout="constrained")
    for spare in grid.ravel()[n:]:
        spare.remove()
    return list(grid.ravel()[:n])


def _draw(ax: Axes, rows: pd.DataFrame, colours: dict[float, Any]) -> None:
    """Draw one comparison."""
    ax.axhline(AIM, color="black", linewidth=0.8, linestyle="--", zorder=1)
    for cells, part in rows.groupby("n_cells"):
        colour = colours.get(cells, colours.get(np.nan))
        others = part[part["program"] != TYPICAL].groupby("n_donors")["power"]
        low, high = (others.quantile(share) for share in BAND)
        ax.fill_between(low.index, low, high, color=colour, alpha=BAND_ALPHA, linewidth=0, zorder=2)
        for edge in (low, high):
            ax.plot(edge.index, edge, color=colour, alpha=EDGE_ALPHA, linewidth=0.7, zorder=2)
        typical = part[part["program"] == TYPICAL].sort_values("n_donors")
        ax.plot(typical["n_donors"], typical["power"], color=colour, marker="o", markersize=3, linewidth=1.6, zorder=3)
    size = rows["pilot_donors"].iloc[0]
    if np.isfinite(size):
        ax.plot(size, 0, transform=ax.get_xaxis_transform(), **TRIANGLE)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.tick_params(labelsize=8)
    ax.set_xlabel("donors", fontsize=8)
    # scanpy's settings can turn it on
    ax.grid(False)
    tidy(ax)


def _keys(table: pd.DataFrame, colours: dict[float, Any]) -> dict[str, Any]:
    """Return the keys of the legend by their words."""
    keys: dict[str, Any] = {}
    for cells, colour in colours.items():
        words = "as many cells as in the pilot" if np.isnan(cells) else f"{cells:g} cells per sample"
        keys[f"typical program, {words}"] = Line2D([], [], color=colour, marker="o", markersize=3, linewidth=1.6)
    if (table["program"] != TYPICAL).any():
        keys["10 to 90 % of programs"] = Patch(color=MUTED, alpha=0.3, linewidth=0)
    keys[f"power of {AIM:.0%}".replace("%", " %")] = Line2D([], [], color="black", linewidth=0.8, linestyle="--")
    if table["pilot_donors"].notna().any():
        keys["donors of the pilot"] = Line2D([], [], linestyle="", **TRIANGLE)
    return keys


def _n_lines(keys: dict[str, Any], n_cols: int) -> int:
    return math.ceil(len(keys) / min(n_cols, 2))


def _draw_legend(axes: list[Axes], keys: dict[str, Any], n_cols: int, *, is_own: bool) -> None:
    style: dict[str, Any] = {"fontsize": 7.5, "frameon": False}
    if is_own:
        style |= {"loc": "outside lower center", "ncols": min(n_cols, 2)}
        axes[0].figure.legend(list(keys.values()), list(keys), **style)
    else:
        axes[0].legend(list(keys.values()), list(keys), loc="best", **style)
