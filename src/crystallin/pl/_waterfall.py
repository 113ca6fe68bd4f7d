"""The activity of a program, gene by gene."""

from __future__ import annotations

from typing import Any

from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import ATTRIBUTIONS, LABELS, PARAMS

from ._bars import keys_of
from ._chosen import only_one
from ._reading import kind_of, titled
from ._steps import TITLE_WIDTH, draw_steps
from ._style import finish, legend_below, wrap

# points between the axes and the legend below it
LEGEND_DEPTH = 32


def waterfall(
    adata: AnnData,
    program: str,
    *,
    group: str | None = None,
    n_genes: int = 15,
    key: str = ATTRIBUTIONS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a waterfall of the genes that contribute to a program's activity in a group or in one cell.

    Bars add up from 0, the baseline, to the activity: first the genes with the largest attributions, then all others
    together. Blue bars raise the activity, orange bars lower it; the other genes and the sum are grey. Names of genes
    outside the program are in italics. The sum is labelled as the activity where attributions sum to it (see
    :func:`crystallin.tl.attributions`): for contributions, and for integrated gradients with the mean as baseline, of
    the refined activity and of all genes. The title says if it is the total activity.

    Parameters
    ----------
    adata
        Data with attributions by group or of cells, from :func:`crystallin.tl.attributions`.
    program
        Name of the program.
    group
        The group or cell to show; not needed if there is only one.
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
        If there are no attributions, or none of this program.
    ValueError
        If there is no such group or cell, there are several to choose from, or attributions are absolute values.

    Examples
    --------
    >>> cr.pl.waterfall(adata, "B cell", group="CD19+ B")  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    program = only_one(program)
    table = get.attributions_df(adata, program, group, key=key)
    params = adata.uns[checks.check_result(adata, key, ATTRIBUTIONS)][PARAMS]
    if params["level"] == "global":
        msg = (
            f"Attributions under {key!r} are means of absolute values, which do not sum to an activity. Call "
            "crystallin.tl.attributions(adata, model, groupby=…), or with level='cell'."
        )
        raise ValueError(msg)
    what = "cell" if "cell" in table else "group"
    names = table[what].unique()
    if len(names) > 1:
        some = ", ".join(map(repr, names[:4]))
        msg = f"The figure shows one {what}, but there are {len(names)} ({some}, …). Choose one with group."
        raise ValueError(msg)
    # the attributions must be of all genes of the model, both when they were computed and now
    adds_up = len(table) == params["n_vars"] <= adata.n_vars and _adds_up(params)
    activity, name = LABELS[kind_of(params)], titled(program, kind_of(params))
    ax = draw_steps(
        table,
        "attribution",
        n_genes,
        activity if adds_up else "sum",
        xlabel=activity if adds_up else "sum of attributions",
        title=wrap(f"{name}: {names[0]}", TITLE_WIDTH),
        ax=ax,
    )
    first = table.head(n_genes)
    if keys := keys_of(first["attribution"], first["member"]):
        legend_below(ax, keys, LEGEND_DEPTH, fontsize=7.5)
    return finish(ax, show)


def _adds_up(params: dict[str, Any]) -> bool:
    """Whether attributions sum to the activity itself, and not to its distance from another baseline."""
    from_mean = params["method"] == "integrated_gradients" and params["baseline"] == "mean"
    return params["target"] == "activity" and (params["method"] == "contributions" or from_mean)
