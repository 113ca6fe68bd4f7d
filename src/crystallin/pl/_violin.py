"""Distribution of the activities of programs in each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import DEFAULT_KEY, LABELS

from ._chosen import named
from ._densities import Cells, draw_densities, legend_of
from ._group_means import group_means, labels_of
from ._style import finish, legend_below, legend_outside, panels, shorten, tidy, wrap

SORTS = ("category", "mean")
# inches: height of a row and of one that is split, space above and below the rows, height of a line of the legend;
# width of the distributions of one and of several programs, and width of a letter
ROW, SPLIT_ROW, FRAME, LINE, WIDTH, NARROW, LETTER = 0.32, 0.42, 0.75, 0.18, 3.8, 2.3, 0.065
# letters in a line of the title, and points between the axes and the legend below it
TITLE, NARROW_TITLE, LEGEND_DEPTH = 40, 26, 32


def violin(
    adata: AnnData,
    program: str | Sequence[str],
    groupby: str | Sequence[str],
    *,
    split: str | None = None,
    sample_key: str | None = None,
    sort: Literal["category", "mean"] = "category",
    n_cols: int = 4,
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | list[Axes]:
    """Draw the activity of programs in each group: distribution of cells, and the mean with its 95 % interval.

    A violin is the density of the cells' activities, scaled to the same height in all groups; in groups of fewer than
    ten cells, the cells are drawn instead. Activities are posterior means, which are shrunk towards 0 where the counts
    contain little information. The large dot is the mean of the group and the thick line its t interval. Without
    ``sample_key`` the interval treats cells as independent, so it says nothing about further samples. With it, small
    dots are the means of samples, and the large dot and the interval are computed from these, with equal weights. A
    single cell or sample has no interval.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    program
        Name of a program, or several names, which get one panel each. A free program can be named ``"free 1"`` for
        short.
    groupby
        Column of ``obs`` with groups of cells, or several columns, whose combinations are then the groups.
    split
        Column of ``obs`` with two groups, such as a condition: the first is drawn above the line of each group, the
        second below it. ``None`` does not split.
    sample_key
        Column of ``obs`` with samples, such as donors, to take as units; ``None`` takes cells.
    sort
        Order of the groups from the top: ``"category"`` keeps their order in ``obs``, ``"mean"`` sorts them by the mean
        of their cells (with ``sample_key``, of their samples) in the first program, the highest first.
    n_cols
        With several programs, number of panels in a row.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    ax
        Axes to draw on, only for a single program; ``None`` makes a new figure.
    show
        ``True`` shows the figure; ``False`` and ``None`` only return its axes.

    Returns
    -------
    The Axes for a single program, else a list of Axes.

    Raises
    ------
    KeyError
        If there are no activities in this reading, or no program or column of that name.
    ValueError
        If labels of a column are missing or are numbers, several columns have more than 100 combinations, ``split`` has
        not exactly two groups, ``ax`` is given for several programs, ``kind`` is not a reading, or the activity of a
        program is NaN because its genes were not measured.

    Examples
    --------
    >>> cr.pl.violin(adata, "Cytotoxicity", "bulk_labels", sort="mean")  # doctest: +SKIP
    >>> cr.pl.violin(adata, ["B cell", "NK cell"], "cell_type", split="condition")  # doctest: +SKIP
    >>> cr.pl.violin(adata, "Type I interferon response", ["cell_type", "condition"], sample_key="donor")
    ... # doctest: +SKIP
    """
    checks.check_choice(sort, "sort", SORTS)
    checks.check_int(n_cols, "n_cols", 1)
    names = named(program, "program")
    if ax is not None and len(names) > 1:
        msg = f"ax has room for one program, but {len(names)} were given. Name a single program, or leave ax out."
        raise ValueError(msg)
    labels, groups = labels_of(adata, groupby, "groupby")
    cells = _cells(adata, labels, groupby, split, sample_key)
    activity = get.activity_df(adata, names, kind=kind, key=key)
    _check_measured(activity)
    if sort == "mean":
        groups = _by_mean(activity.iloc[:, [0]], cells, groups)
    keys = legend_of(cells, sample_key)
    axes = [ax] if ax is not None else _panels(len(names), n_cols, groups, len(keys), is_split=split is not None)
    for panel, name in zip(axes, activity, strict=True):
        draw_densities(panel, activity[name], cells, groups)
        _name_axes(panel, groups, LABELS[kind], is_split=split is not None)
        width = TITLE if len(names) == 1 else NARROW_TITLE
        panel.set_title(wrap(name, width), fontsize=10 if len(names) == 1 else 9, fontweight="bold", loc="left")
    if ax is None:
        legend_outside(axes[0].figure, keys, n_cols=1 if len(axes) == 1 else 2)
    else:
        legend_below(ax, keys, LEGEND_DEPTH, fontsize=7.5)
    return finish(axes[0] if len(axes) == 1 else axes, show)


def _cells(
    adata: AnnData, labels: pd.Series, groupby: str | Sequence[str], split: str | None, sample_key: str | None
) -> Cells:
    """Return the group, the side and the sample of each cell."""
    samples = None if sample_key is None else labels_of(adata, sample_key, "sample_key")[0]
    if split is None:
        return Cells(labels, pd.Series("", index=labels.index), [""], samples)
    sides, names = labels_of(adata, split, "split")
    if len(names) != 2:
        columns = [groupby, split] if isinstance(groupby, str) else [*groupby, split]
        msg = (
            f"split={split!r} must have two groups, one for each half of a violin, but has {len(names)}: "
            f"{checks.some(names)}. Choose the cells of two of them, or draw all combinations: groupby={columns!r}."
        )
        raise ValueError(msg)
    return Cells(labels, sides, names, samples)


def _check_measured(activity: pd.DataFrame) -> None:
    unknown = activity.columns[activity.isna().all()]
    if len(unknown):
        msg = (
            f"The activity of {checks.some(unknown)} is NaN in these cells, because most of its genes were not "
            "measured. Choose another program."
        )
        raise ValueError(msg)


def _by_mean(activity: pd.DataFrame, cells: Cells, groups: list[str]) -> list[str]:
    """Sort groups by the mean over their cells, or over their samples, the highest first."""
    units, of_unit = activity, pd.Index(cells.labels)
    if cells.samples is not None:
        units = activity.groupby([cells.labels.to_numpy(), cells.samples.to_numpy()]).mean()
        of_unit = units.index.get_level_values(0)
    mean = group_means(units, of_unit, groups).mean.iloc[:, 0]
    return list(mean.sort_values(ascending=False, kind="stable").index)


def _panels(n: int, n_cols: int, groups: list[str], n_keys: int, *, is_split: bool) -> list[Axes]:
    """Return axes; those in a row share the names of groups."""
    size = (WIDTH if n == 1 else NARROW, FRAME + (SPLIT_ROW if is_split else ROW) * len(groups))
    names = LETTER * max(len(shorten(name)) for name in groups)
    return panels(n, n_cols, size, (names, LINE * n_keys), sharey=True)


def _name_axes(ax: Axes, groups: list[str], reading: str, *, is_split: bool) -> None:
    ax.set_yticks(range(len(groups)), [shorten(name) for name in groups], fontsize=8)
    ax.set_ylim(len(groups) - (0.5 if is_split else 0.6), -0.55 if is_split else -0.87)
    ax.set_xlabel(reading, fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    # scanpy's settings can turn the grid on
    ax.grid(False)
    tidy(ax)
    ax.spines["left"].set_visible(False)
