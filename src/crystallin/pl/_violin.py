"""Distribution of one program's activity in each group."""

from __future__ import annotations

from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from scipy.ndimage import gaussian_filter1d

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import DEFAULT_KEY, LABELS

from ._chosen import only_one
from ._group_means import GroupMeans, group_means, labels_of
from ._style import MUTED, UP, finish, shorten, tidy, wrap

SORTS = ("category", "mean")
# inches: height of a row, space above and below the rows, width of the distributions, width of a letter
ROW, FRAME, WIDTH, LETTER = 0.32, 0.9, 3.8, 0.065
# as shares of a row: height of a distribution, depth at which samples are drawn
HEIGHT, DEPTH = 0.72, 0.14
# groups of fewer cells are drawn as single cells instead of a distribution
MIN_CELLS = 10
# number of bins of the axis for the densities
N_BINS = 400
FILL = "#c9d9e6"


def violin(
    adata: AnnData,
    program: str,
    groupby: str,
    *,
    sample_key: str | None = None,
    sort: Literal["category", "mean"] = "category",
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the activity of one program in each group: distribution of cells, and the mean with its 95 % interval.

    The upper half of a violin is the density of the cells' activities, scaled to the same height in all groups; in
    groups of fewer than ten cells, the cells are drawn instead. Activities are posterior means, which are shrunk
    towards 0 where the counts contain little information. The large dot is the mean of the group and the thick line its
    t interval. Without ``sample_key`` the interval treats cells as independent, so it says nothing about further
    samples. With it, small dots are the means of samples, and the large dot and the interval are computed from these,
    with equal weights. A single cell or sample has no interval.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    program
        Name of the program. A free program can be named ``"free 1"`` for short.
    groupby
        Column of ``obs`` with groups of cells.
    sample_key
        Column of ``obs`` with samples, such as donors, to take as units; ``None`` takes cells.
    sort
        Order of the groups from the top: ``"category"`` keeps their order in ``obs``, ``"mean"`` sorts them by their
        mean, the highest first.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    ax
        Axes to draw on; ``None`` makes a new figure.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes.

    Raises
    ------
    KeyError
        If there are no activities in this reading, or no program or column of that name.
    ValueError
        If labels of ``groupby`` or ``sample_key`` are missing or are numbers, ``kind`` is not a reading, or the
        activity of the program is NaN because its genes were not measured.

    Examples
    --------
    >>> cr.pl.violin(adata, "Cytotoxicity", "bulk_labels", sort="mean")  # doctest: +SKIP
    >>> cr.pl.violin(adata, "Type I interferon response", "condition", sample_key="donor")  # doctest: +SKIP
    """
    checks.check_choice(sort, "sort", SORTS)
    program = only_one(program)
    activity = get.activity_df(adata, program, kind=kind, key=key)
    if activity[program].isna().all():
        msg = (
            f"The activity of {program!r} is NaN in these cells, because most of its genes were not measured. Choose "
            "another program."
        )
        raise ValueError(msg)
    labels, groups = labels_of(adata, groupby, "groupby")
    units, of_unit = activity, labels
    if sample_key is not None:
        samples, _ = labels_of(adata, sample_key, "sample_key")
        units = activity.groupby([labels.to_numpy(), samples.to_numpy()]).mean()
        of_unit = units.index.get_level_values(0)
    means = group_means(units, of_unit, groups)
    if sort == "mean":
        groups = list(means.mean[program].sort_values(ascending=False, kind="stable").index)
        means = GroupMeans(*(part.loc[groups] for part in means))
    if ax is None:
        size = (WIDTH + LETTER * max(len(shorten(name)) for name in groups), FRAME + ROW * len(groups))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    _draw_cells(ax, {name: part.to_numpy() for name, part in activity[program].groupby(labels)}, groups)
    mean, half = means.mean[program], means.half[program].fillna(0)
    place = np.arange(len(groups))
    if sample_key is not None:
        below = pd.Series(place + DEPTH, index=groups)[of_unit]
        ax.scatter(units[program], below, s=9, color=MUTED, linewidth=0)
    ax.hlines(place, mean - half, mean + half, color=UP, linewidth=2.5, zorder=3)
    ax.scatter(mean, place, s=18, color=UP, zorder=4)
    ax.set_yticks(place, [shorten(name) for name in groups], fontsize=8)
    ax.set_ylim(len(groups) - 0.6, -HEIGHT - 0.15)
    over = "cells" if sample_key is None else f"samples ({sample_key})"
    ax.set_xlabel(f"{LABELS[kind]}, mean with 95 % interval over {over}", fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    # scanpy's settings can turn the grid on
    ax.grid(False)
    ax.set_title(wrap(program, 40), fontsize=10, fontweight="bold", loc="left")
    tidy(ax)
    ax.spines["left"].set_visible(False)
    return finish(ax, show)


def _draw_cells(ax: Axes, cells: dict[str, np.ndarray], groups: list[str]) -> None:
    """Draw one distribution above the other; lower ones may overlap those above them."""
    every = np.concatenate(list(cells.values()))
    room = 0.03 * (np.ptp(every) or 1.0)
    edges = np.linspace(every.min() - room, every.max() + room, N_BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    for place, name in enumerate(groups):
        values = cells[name]
        ax.axhline(place, color="0.85", linewidth=0.6, zorder=1)
        if len(values) < MIN_CELLS:
            ax.vlines(values, place - HEIGHT / 3, place, color=MUTED, linewidth=0.8, zorder=2)
            continue
        # do not extend the density beyond the cells
        there = (middle >= values.min()) & (middle <= values.max())
        density = _density(values, edges)[there]
        top = place - HEIGHT * density / density.max()
        ax.fill_between(middle[there], place, top, facecolor=FILL, linewidth=0, zorder=2)
        ax.plot(middle[there], top, color="0.45", linewidth=0.6, zorder=2)
    ax.set_xlim(edges[0], edges[-1])


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Compute a Gaussian kernel density with Scott's bandwidth from narrow bins, which is fast for many cells."""
    bandwidth = values.std(ddof=1) * len(values) ** -0.2 / (edges[1] - edges[0])
    counts = np.histogram(values, edges)[0].astype(float)
    # if all cells have the same value, the density is a spike and not an error
    return gaussian_filter1d(counts, max(bandwidth, 1), mode="constant")
