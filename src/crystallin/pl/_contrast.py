"""A difference of activity, gene by gene."""

from __future__ import annotations

from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import CONTRAST, LABELS

from ._reading import kind_of, titled
from ._steps import TITLE_WIDTH, draw_steps
from ._style import finish, wrap


def contrast(
    adata: AnnData, *, n_genes: int = 15, key: str = CONTRAST, ax: Axes | None = None, show: bool | None = None
) -> Axes:
    """Draw a waterfall of the genes that contribute to a program's difference between two groups.

    Bars add up from 0 to the whole difference: first the genes with the largest contributions, then all others
    together. Blue bars raise the difference, orange bars lower it; the other genes and the sum are grey. Names of genes
    outside the program are in italics. The title says if the difference is that of the total activity.

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
    ax = draw_steps(
        table,
        "contribution",
        n_genes,
        "difference",
        xlabel=f"difference of {LABELS[kind]}",
        title=f"{wrap(title, TITLE_WIDTH)}\ncarried by {params['breadth']:.1f} of its genes",
        ax=ax,
    )
    return finish(ax, show)
