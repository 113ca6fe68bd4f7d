"""Programs on both sides and genes between them, joined by lines."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ._style import DOWN, UP, wrap

# inches: between rows, width of the figure, positions of the programs' dots and of the genes, half the width of a gene
ROW, WIDTH, LEFT, MIDDLE, RIGHT, HALF = 0.22, 9.0, 2.3, 4.5, 6.7, 0.45
# rows between genes of different programs, and around all
GAP, AROUND = 0.7, 0.8
# characters in a line of a program's name; points of a line of the name, and of the text below it
TITLE_WIDTH, TITLE_LINE, ABOUT_LINE = 22, 11.2, 11
# factor by which letters may be larger without changing the shape of the figure
SLACK = 1.15
# width of the widest line in points, and the loadings in the legend as shares of the largest one
WIDEST, SHARES = 6, (0.25, 0.5, 1)
SHARED, PROGRAM = "#fdf1c7", "0.25"
N_STEPS = 40


def draw_bipartite(loadings: pd.DataFrame, about: list[str], ax: Axes | None) -> Axes:
    """Draw genes x programs, the first program on the left, with the text of ``about`` below each program's name."""
    loadings, rows = _place_genes(loadings)
    titles = [wrap(name, TITLE_WIDTH) for name in loadings]
    heights = np.array([TITLE_LINE * (title.count("\n") + 1) + ABOUT_LINE for title in titles])
    places = _place_programs(loadings, rows, heights / 72 / ROW)
    top = min([0, *(places - heights / 144 / ROW)]) - AROUND
    bottom = max([*rows, *(places + heights / 144 / ROW)]) + AROUND
    if ax is None:
        _, ax = plt.subplots(figsize=(WIDTH, ROW * (bottom - top) + 0.4), layout="constrained")
        scale = 1.0
    else:
        room = ax.get_window_extent()
        scale = min(room.width / WIDTH, room.height / (ROW * (bottom - top))) / ax.figure.dpi
        scale = min(1, SLACK * scale)
    ax.set(xlim=(0, WIDTH), ylim=(bottom, top))
    ax.axis("off")
    _draw_lines(ax, loadings, rows, places, scale)
    _draw_genes(ax, loadings, rows, scale)
    for i, place in enumerate(places):
        x, side, align = (LEFT, -1, "right") if i == 0 else (RIGHT, 1, "left")
        ax.scatter(x, place, s=150 * scale**2, color=PROGRAM, zorder=3)
        style = {"textcoords": "offset points", "ha": align, "va": "top", "annotation_clip": False}
        for text, down, looks in (
            (titles[i], 0, {"fontsize": 8.5 * scale, "fontweight": "bold"}),
            (about[i], heights[i] - ABOUT_LINE, {"fontsize": 7.5 * scale, "color": "0.4"}),
        ):
            ax.annotate(text, (x, place), (11 * side * scale, scale * (heights[i] / 2 - down)), **style, **looks)
    return ax


def _place_genes(loadings: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Place genes from the top: those of the first program alone, then for each program the shared ones and its own."""
    sets = [tuple(np.flatnonzero(row)) for row in loadings.to_numpy()]
    # genes are sorted by the mean position of their programs on the right; genes of the first program alone come first
    at_right = [np.mean([i for i in found if i] or [0]) for found in sets]
    size = loadings.abs().max(axis=1).to_numpy()
    order = sorted(range(len(sets)), key=lambda i: (at_right[i], -len(sets[i]), sets[i], -size[i]))
    changes = [0, *(sets[i] != sets[j] for i, j in zip(order[1:], order[:-1], strict=True))][: len(order)]
    return loadings.iloc[order], np.arange(len(order)) + GAP * np.cumsum(changes)


def _place_programs(loadings: pd.DataFrame, rows: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Place each program at the middle of its genes; on the right, as far apart as their names need."""
    places = np.array([rows[column != 0].mean() if (column != 0).any() else 0 for _, column in loadings.items()])
    apart = places.copy()
    for i in range(2, len(places)):
        apart[i] = max(places[i], apart[i - 1] + (heights[i - 1] + heights[i]) / 2 + GAP)
    apart[1:] -= (apart - places)[1:].mean() if len(places) > 1 else 0
    return apart


def _draw_lines(ax: Axes, loadings: pd.DataFrame, rows: np.ndarray, places: np.ndarray, scale: float) -> None:
    largest = float(loadings.abs().max(axis=None)) if len(loadings) else 1.0
    step = np.linspace(0, 1, N_STEPS)
    bend = step**2 * (3 - 2 * step)
    gene, program = np.nonzero(loadings.to_numpy())
    value = loadings.to_numpy()[gene, program]
    curves = []
    for i, j in zip(gene, program, strict=True):
        start, end = (LEFT, MIDDLE - HALF) if j == 0 else (RIGHT, MIDDLE + HALF)
        x, y = start + (end - start) * step, places[j] + (rows[i] - places[j]) * bend
        curves.append(np.column_stack([[*x, MIDDLE], [*y, rows[i]]]))
    width = WIDEST * scale * np.abs(value) / largest
    ax.add_collection(LineCollection(curves, linewidths=width, colors=np.where(value < 0, DOWN, UP), alpha=0.5))
    sizes = [float(f"{largest * share:.1g}") for share in SHARES]
    handles = [Line2D([], [], color=UP, alpha=0.5, linewidth=WIDEST * scale * size / largest) for size in sizes]
    words = [f"loading {sizes[0]:g}", *(f"{size:g}" for size in sizes[1:])]
    if (value < 0).any():
        handles.append(Line2D([], [], color=DOWN, alpha=0.5, linewidth=WIDEST * scale / 2))
        words.append("negative")
    if ((loadings != 0).sum(axis=1) > 1).any():
        handles.append(Patch(facecolor=SHARED, edgecolor="0.35", linewidth=0.6 * scale))
        words.append("gene of several programs")
    options = {"loc": "upper center", "bbox_to_anchor": (MIDDLE / WIDTH, 0), "borderaxespad": 0, "frameon": False}
    ax.legend(handles, words, ncols=len(words), fontsize=7.5 * scale, columnspacing=1.2, handlelength=2, **options)


def _draw_genes(ax: Axes, loadings: pd.DataFrame, rows: np.ndarray, scale: float) -> None:
    n_programs = (loadings != 0).sum(axis=1)
    for gene, row, n in zip(loadings.index, rows, n_programs, strict=True):
        colours = {"facecolor": SHARED, "edgecolor": "0.35"} if n > 1 else {"facecolor": "white", "edgecolor": "0.8"}
        ax.text(
            MIDDLE,
            row,
            str(gene),
            ha="center",
            va="center",
            fontsize=7.5 * scale,
            fontweight="bold" if n > 1 else "normal",
            bbox={"boxstyle": "round,pad=0.25", "linewidth": 0.6 * scale, **colours},
            zorder=3,
        )
