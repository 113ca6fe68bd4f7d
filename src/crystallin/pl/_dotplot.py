"""Activities of programs by group, as dots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from anndata import AnnData
from matplotlib.axes import Axes

from crystallin._keys import DEFAULT_KEY

from ._grid import draw_grid


def dotplot(
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
    """Draw dots of programs x groups: mean activity, and the share of cells in which the program is surely active.

    Colour is the mean of the group's activities, in the prior's standard deviations: red above 0, which is the prior's
    mean, blue below. The scale stops short of groups far beyond the others, which would take all the colour; it then
    ends in an arrow. The area of a dot is the share of the group's cells that lie above 0 with a posterior probability
    of at least 0.95. :func:`crystallin.pl.matrixplot` takes the same arguments and shows the same programs.

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
    >>> cr.pl.dotplot(adata, "bulk_labels")  # doctest: +SKIP
    >>> cr.pl.dotplot(adata, "bulk_labels", {"T": ["T cell", "Cytotoxicity"], "B": "B cell"})  # doctest: +SKIP
    """
    return draw_grid(adata, groupby, programs, "dots", n_programs=n_programs, sort=sort, key=key, ax=ax, show=show)
