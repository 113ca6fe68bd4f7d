"""Differences in many comparisons side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from crystallin import _checks as checks
from crystallin._keys import RANK_PROGRAMS_GROUPS

from ._ranking import comparisons, decided, difference_of
from ._style import finish, legend_below_names, shorten

UNTESTED, PALE = "#dddddd", 0.35


def effects(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    group: str | Sequence[str] | None = None,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    n_programs: int = 20,
    q_max: float | None = None,
    families: Literal["all", "lead"] = "lead",
    key: str = RANK_PROGRAMS_GROUPS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a matrix of programs x comparisons: differences in prior standard deviations, and which are called.

    Red means higher in the group, blue lower; the number is the column ``effect``. A dot marks differences that are
    called (``call``). All others are pale, so that large but uncertain differences, as between a few cells, do not
    stand out. A ring marks those that are not called although their ``q`` is at most .05. Grey is not tested. The
    strongest colours are those of the largest differences that are called.

    Parameters
    ----------
    adata
        Data with results of :func:`crystallin.tl.rank_programs_groups`.
    programs
        Names of programs; ``None`` chooses first those with a dot, then those with a ring, then the others, and among
        each of these the largest differences.
    group, stratum
        Comparisons to show; ``None`` shows all.
    kind
        Reading of the programs: ``"unique"`` shows what each explains beside all others, ``"total"`` what the genes of
        its set do, whichever programs explain it.
    n_programs
        With ``programs=None``, number of programs to show.
    q_max
        ``None`` marks differences that are called. A number marks those with a ``q`` up to it instead.
    families
        With ``programs=None``, ``"lead"`` chooses among programs that are the lead of their family in some comparison,
        ``"all"`` among all programs.
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
        If there are no results, or no program of that name.
    ValueError
        If a group or stratum is not among them.

    Examples
    --------
    >>> cr.pl.effects(adata, group="stim", n_programs=30)  # doctest: +SKIP
    """
    checks.check_int(n_programs, "n_programs", 1)
    checks.check_choice(families, "families", ("all", "lead"))
    parts = comparisons(adata, group, stratum, "all", key, kind)
    marks = {title: _marks(part, q_max) for title, part in parts.items()}
    effect = pd.DataFrame(
        {
            title: part.set_index("program")["effect"].where(part.set_index("program")["q"].notna())
            for title, part in parts.items()
        }
    )
    mark = pd.DataFrame(marks).reindex(effect.index)
    if programs is None:
        leads = {name for part in parts.values() for name in part.loc[part["lead"].astype(bool), "program"]}
        candidates = effect.loc[effect.index.isin(leads)] if families == "lead" else effect
        candidates = candidates[candidates.notna().any(axis=1)]
        largest = [candidates.where(mark.loc[candidates.index].isin(which)) for which in (["dot"], ["dot", "ring"])]
        order = pd.concat([part.abs().max(axis=1).fillna(0) for part in [*largest, candidates]], axis=1)
        programs = order.sort_values(list(order), ascending=False).index[:n_programs]
    names = checks.check_program_names(programs, list(effect.index))
    words = decided(next(iter(parts.values())), q_max).words
    return finish(_draw(effect.loc[names], mark.loc[names], words, ax, kind), show)


def _marks(part: pd.DataFrame, q_max: float | None) -> pd.Series:
    decision = decided(part, q_max)
    words = np.where(decision.called, "dot", np.where(decision.weak, "ring", ""))
    return pd.Series(words, index=part["program"])


def _draw(effect: pd.DataFrame, mark: pd.DataFrame, words: tuple[str, str, str], ax: Axes | None, kind: str) -> Axes:
    n_rows, n_columns = effect.shape
    if ax is None:
        size = (min(4.2 + 0.42 * n_columns, 16), min(2.4 + 0.21 * n_rows, 16))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    is_called = (mark == "dot").to_numpy()
    sizes = np.abs(effect.to_numpy())
    # without any that is called, the scale is that of all
    shown = sizes[is_called] if is_called.any() else sizes[effect.notna()]
    limit = max(float(np.quantile(shown, 0.98)), 0.1) if len(shown) else 1.0
    colours = plt.get_cmap("RdBu_r").with_extremes(bad=UNTESTED)
    alpha = np.where(is_called | effect.isna(), 1, PALE)
    ax.imshow(effect, cmap=colours, vmin=-limit, vmax=limit, aspect="auto", alpha=alpha)
    inside = {"dot": "black", "ring": "none"}
    for word, fill in inside.items():
        row, column = np.nonzero((mark == word).to_numpy())
        ax.scatter(column, row, s=9, linewidth=0.7, facecolors=fill, edgecolors="black")
    common = _common_end(list(effect.columns))
    labels = [shorten(title.removesuffix(common)) for title in effect.columns]
    ax.set_xticks(range(n_columns), labels, rotation=45, ha="right", fontsize=8)
    ax.set_title(common.removeprefix(": ").strip(), fontsize=9)
    ax.set_yticks(range(n_rows), [shorten(name) for name in effect.index], fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    scale = ScalarMappable(Normalize(-limit, limit), colours)
    bar = ax.figure.colorbar(
        scale, ax=ax, shrink=0.8, extend="both" if sizes[effect.notna()].max(initial=0) > limit else "neither"
    )
    bar.set_label(difference_of(kind), fontsize=8)
    bar.ax.tick_params(labelsize=8)
    keys = {
        said: Line2D([], [], linestyle="", marker="o", color="black", markersize=3.5, markerfacecolor=fill)
        for said, (word, fill) in zip(words, inside.items(), strict=False)
        if (mark == word).to_numpy().any()
    }
    if (~is_called & effect.notna().to_numpy()).any():
        keys["pale: not called" if words[1] else f"pale: {words[2]}"] = Patch(
            color=colours(0.9), alpha=PALE, linewidth=0
        )
    if effect.isna().to_numpy().any():
        keys["not tested"] = Patch(color=UNTESTED)
    legend_below_names(ax, keys, labels, at=0.5, ncols=2)
    return ax


def _common_end(titles: list[str]) -> str:
    """Return the common end of all titles: ``": group against reference"``, or ``" against reference"``."""
    for mark in (": ", " against "):
        ends = {title[title.rindex(mark) :] if mark in title else "" for title in titles}
        if len(ends) == 1 and "" not in ends:
            return ends.pop()
    return ""
