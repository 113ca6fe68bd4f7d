"""One program on one page."""

from __future__ import annotations

from typing import Literal

import matplotlib.pyplot as plt
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import ATTRIBUTIONS, DEFAULT_KEY, LABELS, LEAKAGE, NAMES, RANK_PROGRAMS_GROUPS, Keys

from ._bars import draw_bars, keys_of
from ._chosen import only_one
from ._facts import LINE, Fact, draw_facts, facts, hint
from ._group_means import group_means, labels_of
from ._stored import attributions_of, call
from ._style import MUTED, UP, finish, legend_below, mark_members, shorten, tidy, wrap

# inches: height of a row, height of a panel without its rows, width of the figure
ROW, FRAME, WIDTH = 0.19, 0.95, 12
# inches: height of a legend of three lines; points between the axes and their legend
KEYS, LEGEND_DEPTH = 0.55, 32


def program(
    adata: AnnData,
    program: str,
    groupby: str,
    *,
    n_genes: int = 10,
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    attributions_key: str | None = None,
    leakage_key: str | None = None,
    ranking_key: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
) -> list[Axes]:
    """Draw one program on one page: where it is active, which genes it depends on, and how far to trust it.

    Left: mean activity of each group (dot) with its 95 % t interval (thick line) and one standard deviation between
    cells to both sides (thin line). The interval treats cells as independent, so it says nothing about further donors.
    Middle: the largest loadings. Right: the largest attributions, in the group with the highest mean if there are
    attributions by ``groupby``, otherwise over all cells; names of genes outside the program are in italics. Below:
    coverage, leakage and importance of the program, and its most certain difference between groups with its breadth.
    Where a result is missing, the call that computes it is shown in grey.

    Parameters
    ----------
    adata
        Data with activities and loadings.
    program
        Name of the program.
    groupby
        Column of ``obs`` with groups of cells.
    n_genes
        Number of genes in each panel.
    kind
        Reading of the activities on the left, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
        It also decides which group has the highest mean. The other panels and the text do not depend on it.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    attributions_key
        Slot with the result of :func:`crystallin.tl.attributions`; ``None`` uses the default slot of the programs under
        ``key``.
    leakage_key
        Slot of ``uns`` with the result of :func:`crystallin.tl.leakage`; ``None`` uses the default slot. If it is by
        ``groupby``, leakage in the group with the highest mean is shown as well.
    ranking_key
        Slot of ``uns`` with the result of :func:`crystallin.tl.rank_programs_groups`; ``None`` uses the default slot.
    ax
        Axes from a grid of subplots, which are replaced by the page; ``None`` makes a new figure.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    A list of Axes: activities, loadings, attributions and the text.

    Raises
    ------
    KeyError
        If there are no activities in this reading, no loadings, or no program or column of that name.
    ValueError
        If labels of ``groupby`` are missing or are numbers, ``kind`` is not a reading, ``ax`` is not part of a grid
        of subplots, or the program is a free one.

    Examples
    --------
    >>> cr.pl.program(adata, "B cell", "bulk_labels")  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    keys = Keys(key)
    attributions_key = attributions_key or keys.result(ATTRIBUTIONS)
    leakage_key, ranking_key = leakage_key or keys.result(LEAKAGE), ranking_key or keys.result(RANK_PROGRAMS_GROUPS)
    if ax is not None and ax.get_subplotspec() is None:
        msg = "ax is not part of a grid of subplots, which the page needs; create it with matplotlib.pyplot.subplots."
        raise ValueError(msg)
    program = only_one(program)
    activity = get.activity_df(adata, program, kind=kind, key=key)
    _check_set(adata, program, groupby, keys)
    loadings = get.loadings_df(adata, program, n_genes=n_genes, key=key)
    means = group_means(activity, *labels_of(adata, groupby, "groupby"))
    by_group = pd.DataFrame({name: part[program] for name, part in means._asdict().items()})
    by_group = by_group.sort_values("mean", ascending=False, kind="stable")
    top = by_group.index[0]
    lines = facts(adata, program, groupby, top, key=key, leakage_key=leakage_key, ranking_key=ranking_key)
    axes = _panels(len(by_group), n_genes, lines, ax)
    _draw_activity(axes[0], by_group, program, LABELS[kind])
    draw_bars(axes[1], loadings["gene"], loadings["loading"], title="loadings", xlabel="loading")
    where, genes = attributions_of(adata, program, groupby, top, n_genes, key=key, attributions_key=attributions_key)
    if genes is None:
        hint(axes[2], f"No attributions by {groupby!r} under {attributions_key!r}:\n{call('attributions', groupby)}")
    else:
        title = wrap(f"attributions: {where}", 36)
        draw_bars(axes[2], genes["gene"], genes["attribution"], title=title, xlabel="attribution (activity)")
        mark_members(axes[2], genes["member"])
        if keys := keys_of(genes["attribution"], genes["member"]):
            legend_below(axes[2], keys, LEGEND_DEPTH, fontsize=7.5)
    draw_facts(axes[3], lines)
    return finish(axes, show)


def _check_set(adata: AnnData, program: str, groupby: str, keys: Keys) -> None:
    """Raise for a free program, which has neither a gene set nor results of tools to show."""
    if program not in set(map(str, adata.uns[keys.uns][NAMES])):
        name = repr(str(program))
        msg = (
            f"{name} is a free program; this page is for programs with a gene set. Use crystallin.pl.violin(adata, "
            f"{name}, {groupby!r}) for its activity, crystallin.pl.loadings(adata, {name}) for its genes and "
            "crystallin.get.free_programs_df(adata) for the sleeping program that is most like it."
        )
        raise ValueError(msg)


def _panels(n_groups: int, n_genes: int, lines: list[Fact], ax: Axes | None) -> list[Axes]:
    """Return four axes, each as high as its content; the rest of a column stays empty."""
    left, upper = (FRAME + KEYS + ROW * n for n in (n_groups, n_genes))
    lower = LINE * (2 + sum(fact.n_lines for fact in lines))
    height = max(left, upper + lower)
    if ax is None:
        figure = plt.figure(figsize=(WIDTH, height), layout="constrained")
        place: SubplotSpec = figure.add_gridspec(1, 1)[0]
    else:
        figure, place = ax.figure, ax.get_subplotspec()
        ax.remove()
    columns = place.subgridspec(1, 2, width_ratios=[1, 1.7])
    rest = max(height - left, 1e-3)
    first = columns[0].subgridspec(2, 1, height_ratios=[left, rest])
    second = columns[1].subgridspec(2, 2, height_ratios=[upper, height - upper])
    return [figure.add_subplot(part) for part in (first[0], second[0, 0], second[0, 1], second[1, :])]


def _draw_activity(ax: Axes, by_group: pd.DataFrame, program: str, reading: str) -> None:
    # a single cell has neither a standard deviation nor an interval
    mean, sd, half = by_group["mean"], by_group["sd"].fillna(0), by_group["half"].fillna(0)
    position = range(len(by_group))
    ax.hlines(position, mean - sd, mean + sd, color=MUTED, linewidth=0.8)
    ax.hlines(position, mean - half, mean + half, color=UP, linewidth=3)
    ax.scatter(mean, position, color=UP, s=18, zorder=3)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(position, [shorten(name, 30) for name in by_group.index], fontsize=8)
    ax.set_ylim(len(by_group) - 0.4, -0.6)
    ax.set_xlabel(reading, fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_title(wrap(program), fontsize=10, fontweight="bold", loc="left")
    keys = {
        "mean of the group": Line2D([], [], color=UP, marker="o", markersize=4, linestyle=""),
        "95 % interval of the mean (cells)": Line2D([], [], color=UP, linewidth=3),
        "one standard deviation between cells": Line2D([], [], color=MUTED, linewidth=0.8),
    }
    legend_below(ax, keys, LEGEND_DEPTH, fontsize=7.5)
    tidy(ax)
