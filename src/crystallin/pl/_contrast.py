"""A difference of activity, gene by gene."""

from __future__ import annotations

from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import CONTRAST

from ._steps import TITLE_WIDTH, draw_steps
from ._style import finish, wrap


def contrast(
    adata: AnnData, *, n_genes: int = 15, key: str = CONTRAST, ax: Axes | None = None, show: bool | None = None
) -> Axes:
    """Draw a waterfall of the genes that a program's difference between two groups comes from.

    Bars follow each other from no difference to the whole one: the genes with the largest contributions, then all
    others together. Blue: raises the difference, orange: lowers it, grey: the others and the sum. Genes outside the
    program are in italics.

    Parameters
    ----------
    adata
        Data with a contrast, from :func:`crystallin.tl.contrast`.
    n_genes
        Number of genes.
    key
        Slot with the result, or the key of the programs that it is about.
    ax
        Axes to draw on.
    show
        Show the figure.

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
    title = wrap(f"{params['program']}: {params['group']} against {params['reference']}", TITLE_WIDTH)
    ax = draw_steps(
        table,
        "contribution",
        n_genes,
        "difference",
        xlabel="difference of activity",
        title=f"{title}\ncarried by {params['breadth']:.1f} of its genes",
        ax=ax,
    )
    return finish(ax, show)
