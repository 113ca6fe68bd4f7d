"""All programs of a comparison: size of the difference against its q value."""

from __future__ import annotations

from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin._keys import LABELS, RANK_PROGRAMS_GROUPS

from ._ranking import TRUST_Q, comparisons, found, only, special
from ._style import DOWN, MUTED, UP, finish, shorten, tidy, wrap

# smaller q values are drawn at this one
MIN_Q = 1e-10
LABEL_ROOM, LABEL_WIDTH = 0.06, 36


def volcano(
    adata: AnnData,
    group: str | None = None,
    *,
    stratum: str | None = None,
    kind: Literal["unique", "total"] = "unique",
    n_labels: int = 8,
    q_max: float = TRUST_Q,
    families: Literal["all", "lead"] = "all",
    key: str = RANK_PROGRAMS_GROUPS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the difference of activity against ``q`` for all programs of one comparison.

    Blue means higher in the group, orange lower, grey that ``q`` is above ``q_max`` (the dashed line); programs that
    were not tested are at the bottom. A dot is white inside if random sets differ as much (``decoy_q``), if programs of
    higher reliability explain the difference (``conditional_q``, of the unique activity only), or if fewer than four of
    five fits of an ensemble call it (``share_of_fits``). Triangles at the top are beyond the axis.

    Parameters
    ----------
    adata
        Data with results of :func:`crystallin.tl.rank_programs_groups`.
    group, stratum
        The comparison to show; not needed if there is only one.
    kind
        Reading of the programs: ``"unique"`` shows what each explains beside all others, ``"total"`` what the genes of
        its set do, whichever programs explain it.
    n_labels
        Number of programs to label: the most certain of the coloured ones, filled dots first.
    q_max
        Largest ``q`` of a coloured dot; for a filled dot, ``decoy_q`` and ``conditional_q`` must not exceed it either.
    families
        ``"lead"`` shows one program of each family, ``"all"`` shows all.
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
        If there are no results.
    ValueError
        If a group or stratum is not among them, or there are several comparisons to choose from.

    Examples
    --------
    >>> cr.pl.volcano(adata, "stim", stratum="B cells")  # doctest: +SKIP
    """
    checks.check_int(n_labels, "n_labels", 0)
    title, part = only(comparisons(adata, group, stratum, families, key, kind))
    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    effect, q = part["effect"].to_numpy(), part["q"].fillna(1).to_numpy()
    height = -np.log10(np.maximum(q, MIN_Q))
    is_found, is_special = found(part, q_max).to_numpy(), special(part, q_max).to_numpy()
    colour = np.where(is_found, np.where(effect < 0, DOWN, UP), MUTED)
    beyond = q < MIN_Q
    for where, marker in ((~beyond, "o"), (beyond, "^")):
        inside = np.where(is_special | ~is_found, colour, "white")[where]
        style = {"c": inside, "edgecolors": colour[where], "linewidths": 1, "marker": marker, "s": 20}
        ax.scatter(effect[where], height[where], **style)
    ax.axhline(-np.log10(q_max), color=MUTED, linewidth=0.8, linestyle="--")
    limit = 1.05 * max(np.abs(effect).max(), 1e-6)
    top = max(height.max(), -np.log10(q_max)) * 1.08
    ax.set(xlim=(-limit, limit), ylim=(0, top), xlabel=f"difference of {LABELS[kind]}")
    ax.set_title(f"{wrap(title, 60)}\n−log10 q", fontsize=10)
    tidy(ax)
    # the axis is drawn at a difference of 0, which leaves both sides to the names
    ax.spines["left"].set_position("zero")
    ax.tick_params(labelsize=8)
    chosen = np.concatenate([np.flatnonzero(is_special), np.flatnonzero(is_found & ~is_special)])[:n_labels]
    _label(ax, part["program"].to_numpy()[chosen], effect[chosen], height[chosen], top)
    return finish(ax, show)


def _label(ax: Axes, names: np.ndarray, effect: np.ndarray, height: np.ndarray, top: float) -> None:
    """Write names in a column on each side, in the order of their dots, and join them to the dots by lines."""
    for side in (-1, 1):
        there = np.flatnonzero(np.sign(effect) == side)
        there = there[np.argsort(height[there], kind="stable")]
        place = -LABEL_ROOM * top
        for i in there:
            place = max(place + LABEL_ROOM * top, height[i])
            ax.annotate(
                shorten(str(names[i]), LABEL_WIDTH),
                (effect[i], height[i]),
                (1.03 if side > 0 else -0.03, place / top),
                textcoords="axes fraction",
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=7,
                annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.5},
            )
