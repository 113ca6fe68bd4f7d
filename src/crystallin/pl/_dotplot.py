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
    groupby: str | Sequence[str],
    programs: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
    *,
    n_programs: int = 2,
    sort: Literal["category", "similarity"] = "category",
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a dot plot of programs x groups: mean activity, and share of cells that are active with high probability.

    The colour is the mean activity of the group in prior standard deviations: red above 0, which is the prior's mean,
    blue below. If a few groups are far beyond the others, the scale ends before them, which is shown by an arrow, so
    that they do not take up all its colours. The area of a dot is the share of the group's cells whose activity is
    above 0 with a posterior probability of at least 0.95. A cross marks programs whose activity is NaN, because most of
    their genes were not measured. :func:`crystallin.pl.matrixplot` takes the same arguments and shows the same
    programs.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    groupby
        Column of ``obs`` with groups of cells, or several columns, whose combinations are then the groups.
    programs
        Names of programs, in this order, or a dictionary from headings to names. ``None`` chooses programs that
        distinguish the groups: for each group the ``n_programs`` furthest above both 0 and the mean of the other
        groups, without decoys and free programs. Free programs can be named ``"free 1"`` for short.
    n_programs
        With ``programs=None``, number of programs for each group; groups may share programs.
    sort
        Order of the groups: ``"category"`` keeps their order in ``obs``, ``"similarity"`` places groups with similar
        means next to each other.
    kind
        Reading of the activities, ``"unique"`` or ``"total"``, as in :func:`crystallin.get.activity_df`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    ax
        Axes to draw on; colour bar and legend take some of its room.
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
        If labels of ``groupby`` are missing or are numbers, several columns have more than 100 combinations,
        ``programs`` is empty, or ``kind`` is not a reading.

    Examples
    --------
    >>> cr.pl.dotplot(adata, "bulk_labels")  # doctest: +SKIP
    >>> cr.pl.dotplot(adata, ["cell_type", "condition"], ["B cell", "NK cell"])  # doctest: +SKIP
    >>> cr.pl.dotplot(adata, "bulk_labels", {"T": ["T cell", "Cytotoxicity"], "B": "B cell"})  # doctest: +SKIP
    """
    return draw_grid(
        adata, groupby, programs, "dots", n_programs=n_programs, sort=sort, kind=kind, key=key, ax=ax, show=show
    )
