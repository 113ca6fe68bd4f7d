"""Activities of programs by group, as a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from anndata import AnnData
from matplotlib.axes import Axes

from crystallin._keys import DEFAULT_KEY

from ._grid import draw_grid


def matrixplot(
    adata: AnnData,
    groupby: str,
    programs: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
    *,
    n_programs: int = 2,
    sort: Literal["category", "similarity"] = "category",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a matrix of programs x groups: mean activity, and where it is surely not 0.

    Colour is the mean of the group's activities, in the prior's standard deviations: red above 0, which is the prior's
    mean, blue below. The scale stops short of groups far beyond the others, which would take all the colour; it then
    ends in an arrow. A dot marks means whose 95 % t interval excludes 0. The interval takes cells as independent: it
    says nothing of further samples, nor of differences between groups; in large groups nearly all means have a dot.
    :func:`crystallin.pl.dotplot` takes the same arguments and shows the same programs.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    groupby
        Column of ``obs`` with groups of cells.
    programs
        Names of programs, in this order, or a dictionary of headings and the names below each. ``None`` takes those
        that tell the groups apart: for each group the ``n_programs`` furthest above both 0 and the mean of the other
        groups, without decoys.
    n_programs
        With ``programs=None``, number of programs of each group; groups may share some.
    sort
        Order of groups: by ``"category"`` as in ``obs``, or by ``"similarity"`` of the means shown.
    key
        Prefix of the programs' slots.
    ax
        Axes to draw on; colour bar and legend take some of its room.
    show
        Show the figure.

    Returns
    -------
    The Axes.

    Raises
    ------
    KeyError
        If there are no activities, or no program or column of that name.
    ValueError
        If labels of ``groupby`` are missing or are numbers, or ``programs`` is empty.

    Examples
    --------
    >>> cr.pl.matrixplot(adata, "bulk_labels")  # doctest: +SKIP
    >>> cr.pl.matrixplot(adata, "bulk_labels", n_programs=3, sort="similarity")  # doctest: +SKIP
    """
    return draw_grid(adata, groupby, programs, "cells", n_programs=n_programs, sort=sort, key=key, ax=ax, show=show)
