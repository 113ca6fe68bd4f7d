"""A mapped query over its reference, and the verdict on each group."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import CENTRES, DEFAULT_KEY, KEY, MAP, PARAMS, Keys

from ._map_names import colours_of, name_circles
from ._map_verdicts import draw_verdicts, size_of
from ._style import finish, legend_below, tidy

# radius of the circle that holds 95 % of a label's cells, whose covariance in the plane is I
RADIUS = float(np.sqrt(-2 * np.log(0.05)))
UNLIKE = "0.3"
# points: area of all cells together, of one at most and at least, of a cross at least; depth of the legend
AREA, MAX_SIZE, MIN_SIZE, MIN_CROSS, LEGEND_DEPTH = 16_000, 14, 2, 9, 32
# cells beyond these quantiles are drawn at the edge, so that a single one does not make all else small
EDGE = 0.001
# inches: sides of the plane, and height of what is above and below it
WIDTH, HEIGHT, FRAME = 5.6, 4.6, 1.5


def map(
    adata: AnnData,
    *,
    alpha: float = 0.05,
    size: float | None = None,
    key: str = MAP,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | list[Axes]:
    """Draw the cells of a mapped query over the labels of the reference, and the verdict on each group.

    Left: the plane that best tells the labels of the reference apart (linear discriminants). A circle holds 95 % of the
    cells of a label; of new samples, if the reference was calibrated with samples. Dots are cells of the query in the
    colour of their label; with more than seven labels, some that are far from each other share a colour. Grey crosses
    are cells that are unlike the reference: their p-value is below ``alpha``. A cross can lie inside a circle, because
    a cell may differ from the reference in a direction that the plane does not show, or in its counts. A few cells that
    are very far away are drawn at the edge.

    Right: the distance of each group's mean from that of the nearest label, coloured by the verdict. The diamond is the
    distance without what most groups have in common. To the left of the dashed line, a group is like the reference; to
    the right of the solid line, it is as far away as another label would be. :func:`crystallin.get.map_df` explains
    the verdicts. Groups that are new come first. The bar of a group with too few cells may
    end at the edge.

    Parameters
    ----------
    adata
        Data that were mapped with a calibrated model, see :func:`crystallin.map`.
    alpha
        Cells with a smaller p-value are drawn as grey crosses.
    size
        Area of a cell's dot in square points; ``None`` makes dots smaller the more cells there are.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
    ax
        Axes for the plane; the verdicts are then left out. ``None`` makes a new figure of both.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    A list of two Axes, the plane and the verdicts; or the Axes that were given.

    Raises
    ------
    KeyError
        If there is no such result under ``key``, or its arrays in ``obsm`` were removed.
    ValueError
        If ``alpha`` is not between 0 and 1, or the programs were added again since then.

    Examples
    --------
    >>> cr.pl.map(adata)  # doctest: +SKIP
    """
    checks.check_number(alpha, "alpha", 0, 1)
    if size is not None:
        checks.check_number(size, "size", 0, include_minimum=False)
    cells, table = get.map_cells_df(adata, key=key), get.map_df(adata, key=key, columns="all")
    place, centres = _places(adata, key)
    labels = list(cells["label"].cat.categories)
    colours = colours_of(centres)
    if ax is None:
        axes = _panels(table)
        draw_verdicts(axes[1], table, dict(zip(labels, colours, strict=True)))
    else:
        axes = [ax]
    _draw_plane(axes[0], cells, place, centres, colours, alpha, size)
    # names are placed last, because the figure must have its final layout
    name_circles(axes[0], labels, centres, colours, place, RADIUS)
    return finish(axes[0] if ax is not None else axes, show)


def _places(adata: AnnData, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of cells and of labels."""
    entry = adata.uns[checks.check_result(adata, key, MAP)]
    slot = Keys(str(entry[PARAMS].get(KEY, DEFAULT_KEY))).map_plane
    if slot not in adata.obsm:
        msg = f"adata.obsm has no {slot!r}, which holds the places of cells: it was removed. Call crystallin.map again."
        raise KeyError(msg)
    return np.asarray(adata.obsm[slot], dtype=float)[:, :2], np.asarray(entry[CENTRES], dtype=float)


def _panels(table: pd.DataFrame) -> list[Axes]:
    """Return axes for the plane and the verdicts; the latter are as high as their rows need."""
    width, height = size_of(table)
    whole = max(HEIGHT, height)
    figure = plt.figure(figsize=(WIDTH + width, FRAME + whole), layout="constrained")
    columns = figure.add_gridspec(1, 2, width_ratios=[WIDTH, width])
    parts = [
        columns[i].subgridspec(2, 1, height_ratios=[side, max(whole - side, 1e-3)])[0]
        for i, side in enumerate((HEIGHT, height))
    ]
    return [figure.add_subplot(part) for part in parts]


def _draw_plane(
    ax: Axes,
    cells: pd.DataFrame,
    place: np.ndarray,
    centres: np.ndarray,
    colours: list[str],
    alpha: float,
    size: float | None,
) -> None:
    place = np.clip(place, *_limits(place, centres))
    unlike = cells["p"].to_numpy() < alpha
    area = size or float(np.clip(AREA / max(len(cells), 1), MIN_SIZE, MAX_SIZE))
    # in random order, so that no label hides the others
    order = np.random.default_rng(0).permutation(len(cells))
    like, others = order[~unlike[order]], order[unlike[order]]
    of_cells = np.array(colours)[cells["label"].cat.codes.to_numpy()[like]]
    ax.scatter(*place[like].T, s=area, c=of_cells, linewidths=0, alpha=0.8, zorder=1, rasterized=True)
    style = {"marker": "x", "color": UNLIKE, "linewidths": 0.8, "alpha": 0.8}
    ax.scatter(*place[others].T, s=size or max(area, MIN_CROSS), zorder=2, rasterized=True, **style)
    for centre, colour in zip(centres, colours, strict=True):
        for edge, width in (("white", 2.6), (colour, 1.4)):
            ax.add_patch(Circle(tuple(centre), RADIUS, fill=False, edgecolor=edge, linewidth=width, zorder=3))
    # names need room
    ax.margins(0.12, 0.14)
    # circles are circles
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("discriminant 1", fontsize=8)
    # a plane needs two directions, and two labels differ in one
    ax.set_ylabel("discriminant 2" if len(centres) > 2 else "main direction beside it", fontsize=8)
    ax.tick_params(labelsize=8)
    # scanpy's settings can turn it on
    ax.grid(False)
    ax.set_title(f"{len(cells):,} cells over the labels of the reference", fontsize=10, loc="left")
    tidy(ax)
    _draw_legend(ax, unlike, alpha)


def _limits(place: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of what is drawn: all circles, and nearly all cells."""
    low, high = centres.min(axis=0) - RADIUS, centres.max(axis=0) + RADIUS
    if len(place):
        inner = np.quantile(place, [EDGE, 1 - EDGE], axis=0)
        low, high = np.minimum(low, inner[0]), np.maximum(high, inner[1])
    return low, high


def _draw_legend(ax: Axes, unlike: np.ndarray, alpha: float) -> None:
    n_cells, n_unlike = len(unlike), int(unlike.sum())
    share = f": {n_unlike:,} of {n_cells:,} cells, {n_unlike / n_cells:.0%}" if n_cells else ""
    dot = {"linestyle": "", "markersize": 5, "color": "0.25"}
    handles = {
        "cell of the query, in the colour of its label": Line2D([], [], marker="o", **dot),
        f"unlike the reference (p < {alpha:g}){share}": Line2D([], [], marker="x", **(dot | {"color": UNLIKE})),
        "95 % of the cells of a label of the reference": Line2D(
            [], [], marker="o", **(dot | {"markersize": 9, "markerfacecolor": "none"})
        ),
    }
    legend_below(ax, handles, LEGEND_DEPTH, fontsize=7.5, handletextpad=0.3)
