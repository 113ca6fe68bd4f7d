"""A difference of activity, gene by gene."""

from __future__ import annotations

from typing import Any

from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import CONTRAST

from ._ranking import difference_of
from ._reading import kind_of, titled
from ._steps import TITLE_WIDTH, draw_steps
from ._strata import draw_strata
from ._style import DOWN, UP, finish, italics, legend_below, wrap

# points: depth of the legend below the axes
LEGEND_DEPTH = 32


def contrast(
    adata: AnnData, *, n_genes: int = 15, key: str = CONTRAST, ax: Axes | None = None, show: bool | None = None
) -> Axes:
    """Draw the genes that contribute to a program's difference between two groups.

    The figure is a waterfall: bars add up from 0 to the whole difference, first the genes with the largest
    contributions, then all others together. Blue bars raise the difference, orange bars lower it; the other genes and
    the sum are grey. A contrast within strata (``within``) is a heat map of genes x strata instead, with the sum of all
    genes in the last row. Values beyond the end of the colour bar have a dot. Names of genes outside the program are in
    italics. The title says if the difference is that of the total activity.

    Parameters
    ----------
    adata
        Data with a contrast, from :func:`crystallin.tl.contrast`.
    n_genes
        Number of genes to show.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
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
        If there is no contrast under ``key``.

    Examples
    --------
    >>> cr.pl.contrast(adata, n_genes=20)  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    table, params = get.contrast_df(adata, key=key), get.contrast_params(adata, key=key)
    kind = kind_of(params)
    title = f"{titled(params['program'], kind)}: {params['group']} against {params['reference']}"
    options = {"title": wrap(title, TITLE_WIDTH), "ax": ax}
    if "stratum" in table:
        return finish(draw_strata(table, n_genes, f"contribution to the {difference_of(kind)}", **options), show)
    options["title"] += f"\ncarried by {params['breadth']:.1f} of its genes"
    ax = draw_steps(table, "contribution", n_genes, "difference", xlabel=difference_of(kind), **options)
    first, values = table.head(n_genes), table["contribution"].head(n_genes)
    keys: dict[str, Any] = {
        word: Patch(color=colour)
        for word, colour, where in (
            ("raises the difference", UP, (values > 0).any()),
            ("lowers it", DOWN, (values < 0).any()),
        )
        if where
    }
    legend_below(ax, keys | italics(first["member"]), LEGEND_DEPTH, fontsize=7.5)
    return finish(ax, show)
