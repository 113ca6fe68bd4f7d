"""Cells on their embedding."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crystallin import pl

from ._blocks import Figure
from ._draw import MAX_GROUPS, picture
from ._found import Source
from ._notable import notable
from ._values import shorten

# in order of preference
BASES = ("umap", "tsne", "draw_graph_fa", "pca")
# if there are more cells, this number of random cells is drawn and stored with the figure
MAX_CELLS = 5_000
# programs in a figure, and figures; panels side by side, which can be read on a small screen
N_PROGRAMS, N_FIGURES, N_COLUMNS = 4, 2, 2
# points: area of all cells together, of one at most
AREA, MAX_SIZE = 16_000, 30
# up to ten clusters have colours of their own; others can be distinguished by their numbers
FEW, OTHERS = 10, "#dddddd"
# names with at most this number of letters are written onto the cells; longer ones are replaced by numbers
SHORT = 4


def clusters_on_embedding(source: Source) -> list[Figure]:
    """Draw cells in the colours of their clusters, if there are both clusters and an embedding."""
    basis = _basis(source)
    if not basis or source.groupby is None:
        return []
    positions, note = _positions(source)
    place, data = _places(source, basis, positions)
    labels, groups = source.labels.to_numpy()[positions], source.largest(MAX_GROUPS)
    if len(groups) < len(source.groups):
        note += f"The {len(groups)} largest of {len(source.groups):,} clusters are coloured."
    figure = picture(
        lambda: _draw(place, labels, groups, basis),
        title=f"Cells by {source.groupby}",
        alt=f"Cells on the {basis.upper()}, with numbers and colours of the clusters {', '.join(groups)}.",
        data=data.assign(group=labels),
        note=note,
    )
    return [figure]


def programs_on_embedding(source: Source) -> list[Figure]:
    """Draw activities of the most notable programs, if there is an embedding."""
    basis = _basis(source)
    if not basis or not source.has_activity:
        return []
    positions, note = _positions(source)
    data, names = _places(source, basis, positions)[1], notable(source)[: N_PROGRAMS * N_FIGURES]
    adata = source.adata if len(positions) == source.adata.n_obs else source.adata[positions]
    figures = []
    for start in range(0, len(names), N_PROGRAMS):
        shown = names[start : start + N_PROGRAMS]
        activity = source.activity[shown].iloc[positions].reset_index(drop=True).add_prefix("activity of ")
        figure = picture(
            lambda shown=shown: pl.embedding(adata, shown, basis=basis, n_cols=N_COLUMNS, key=source.key),
            title="Activity of further programs" if start else "Activity of programs that stand out",
            alt=f"Cells on the {basis.upper()}, coloured by the activity of {', '.join(shown)}.",
            data=pd.concat([data, activity], axis=1),
            note=f"{note}Red: above the average cell, blue: below, grey: uncertain.",
        )
        figures.append(figure)
    return figures


def _basis(source: Source) -> str:
    known = (name for name in BASES if f"X_{name}" in source.adata.obsm)
    return next(known, "") if source.adata.n_obs else ""


def _positions(source: Source) -> tuple[np.ndarray, str]:
    """Return the cells to draw, and a note if these are not all cells."""
    n = source.adata.n_obs
    if n <= MAX_CELLS:
        return np.arange(n), ""
    chosen = np.random.default_rng(0).choice(n, MAX_CELLS, replace=False)
    return np.sort(chosen), f"{MAX_CELLS:,} random cells of {n:,}. "


def _places(source: Source, basis: str, positions: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    place = np.asarray(source.adata.obsm[f"X_{basis}"])[positions, :2]
    names = source.adata.obs_names[positions]
    return place, pd.DataFrame({"cell": names, f"{basis}_1": place[:, 0], f"{basis}_2": place[:, 1]})


def _draw(place: np.ndarray, labels: np.ndarray, groups: list[str], basis: str) -> Axes:
    _, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    are_few = len(groups) <= FEW
    # clusters that are numbered keep their numbers
    are_short = max(map(len, groups), default=0) <= SHORT
    colours = mpl.colormaps["tab10" if are_few else "tab20"]
    style = {"s": min(AREA / len(place), MAX_SIZE), "linewidth": 0, "rasterized": True}
    ax.scatter(*place[~np.isin(labels, groups)].T, color=OTHERS, **style)
    outline = [effects.withStroke(linewidth=2, foreground="white")]
    for i, group in enumerate(groups):
        own, colour = place[labels == group], colours(i % colours.N)
        ax.scatter(*own.T, color=colour, alpha=0.8, **style)
        # the size in the legend does not depend on that of the dots
        ax.scatter([], [], s=30, color=colour, label=group if are_short else f"{i + 1}  {shorten(group)}")
        if len(own):
            text = {"fontsize": 9, "weight": "bold", "path_effects": outline}
            ax.annotate(group if are_short else f"{i + 1}", np.median(own, axis=0), ha="center", va="center", **text)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_xlabel(f"{basis.upper()} 1", fontsize=7, loc="left", color="0.4")
    ax.set_ylabel(f"{basis.upper()} 2", fontsize=7, loc="bottom", color="0.4")
    ax.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8 if are_few else 6.5, frameon=False, handletextpad=0
    )
    return ax
