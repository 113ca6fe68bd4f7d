"""Programs that are awake: coherence of their genes beside that of random sets."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import AWAKE, DEFAULT_KEY

from ._style import MUTED, UP, finish, legend_below, shorten, tidy

# of the random sets' coherence: half the width of the band, in standard deviations
BAND = 2
ROW_HEIGHT, NAME_WIDTH = 0.24, 48
# points between the axes and the legend below it
LEGEND_DEPTH = 32


def screen_programs(
    adata: AnnData,
    *,
    within: bool | None = None,
    n_programs: int = 25,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the coherence of each program's genes beside that of random sets in its place.

    A dot is the mean correlation of a program's genes with each other; the grey band is where those of random sets lie
    (mean and two standard deviations). Blue: the program is awake. White: it is asleep. At the right, how many genes
    carry the coherence, of those that are expressed. Programs that could not be tested are not drawn.

    Parameters
    ----------
    adata
        Data screened by :func:`crystallin.pp.screen_programs`.
    within
        Draw the coherence between cells of the same type; ``None`` does so where the screening had types.
    n_programs
        Number of programs to draw: those furthest above random sets.
    key
        Key of the programs.
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
        If there are no such programs.
    ValueError
        If they were not screened, or not within types, or none could be tested.

    Examples
    --------
    >>> cr.pl.screen_programs(adata)  # doctest: +SKIP
    """
    checks.check_int(n_programs, "n_programs", 1)
    table = get.programs_df(adata, dropped=True, decoys=True, key=key, columns="all")
    if "coherence" not in table:
        msg = f"Programs under {key!r} were not screened; call crystallin.pp.screen_programs(adata) first."
        raise ValueError(msg)
    within = "coherence_within" in table if within is None else within
    if within and "coherence_within" not in table:
        msg = "Programs were screened without types; call crystallin.pp.screen_programs(adata, within=…) first."
        raise ValueError(msg)
    suffix = "_within" if within else ""
    rows = table.dropna(subset=f"coherence_z{suffix}").nlargest(n_programs, f"coherence_z{suffix}")[::-1]
    if rows.empty:
        msg = (
            f"None of the programs under {key!r} could be tested, so there is nothing to draw; the column 'asleep' of "
            "crystallin.get.programs_df(adata, dropped=True) says why."
        )
        raise ValueError(msg)
    coherence, null = rows[f"coherence{suffix}"].to_numpy(), rows[f"coherence_null{suffix}"].to_numpy()
    sd = (coherence - null) / rows[f"coherence_z{suffix}"].to_numpy()
    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 1.3 + ROW_HEIGHT * len(rows)), layout="constrained")
    place = np.arange(len(rows))
    ax.barh(place, 2 * BAND * sd, left=null - BAND * sd, height=0.7, color=MUTED, alpha=0.35, linewidth=0)
    awake = rows[AWAKE].to_numpy(dtype=bool)
    ax.scatter(coherence, place, c=np.where(awake, UP, "white"), edgecolors=UP, s=28, zorder=3)
    ax.set_yticks(place, [shorten(str(name), NAME_WIDTH) for name in rows.index], fontsize=8)
    for y, carriers, measured in zip(place, rows[f"n_carriers{suffix}"], rows["n_measured"], strict=True):
        text = f"{carriers:.0f} of {measured:.0f} genes"
        ax.text(1.02, y, text, transform=ax.get_yaxis_transform(), fontsize=7, va="center", color="0.35")
    where = "between cells of the same type" if within else "between all cells"
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlabel(f"mean correlation of the genes, {where}", fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    legend_below(ax, _keys(awake, is_within=within), LEGEND_DEPTH, fontsize=7.5, ncols=3, columnspacing=1.2)
    tidy(ax)
    return finish(ax, show)


def _keys(awake: np.ndarray, *, is_within: bool) -> dict[str, Any]:
    """Return the marks that the figure has, by their words."""
    # whether a program is awake is a verdict on all questions, the dot is the answer to one
    asked = " (within types or between all cells)" if is_within else ""
    dot = {"marker": "o", "linestyle": "", "markeredgecolor": UP, "markersize": 5}
    keys: dict[str, Any] = {f"random sets, mean ± {BAND} sd": Patch(color=MUTED, alpha=0.35, linewidth=0)}
    if awake.any():
        keys[f"awake{asked}"] = Line2D([], [], markerfacecolor=UP, **dot)
    if not awake.all():
        keys["asleep"] = Line2D([], [], markerfacecolor="white", **dot)
    return keys
