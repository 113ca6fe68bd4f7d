"""Differences in many comparisons side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin._keys import LABELS, RANK_PROGRAMS_GROUPS, TOTAL

from ._ranking import TRUST_Q, comparisons, found, special
from ._style import finish, shorten


def effects(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    group: str | Sequence[str] | None = None,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    n_programs: int = 20,
    q_max: float = TRUST_Q,
    families: Literal["all", "lead"] = "lead",
    key: str = RANK_PROGRAMS_GROUPS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw a matrix of programs x comparisons: differences in pooled standard deviations, with marks for significance.

    Blue means lower in the group, red higher, grey not tested. A ring marks differences whose ``q`` is at most
    ``q_max``; a dot those whose ``decoy_q`` and ``conditional_q`` are as well. These are larger than the differences of
    random sets (if decoys were trained), and not explained by programs of higher reliability. Totals have no
    ``conditional_q``, so a dot means the former only. With an ensemble, a dot also needs four of five fits to call the
    difference.

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
        Largest q that is marked.
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
            title: part.set_index("program")["effect_sd"].where(part.set_index("program")["q"].notna())
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
    return finish(_draw(effect.loc[names], mark.loc[names], ax, kind), show)


def _marks(part: pd.DataFrame, q_max: float) -> pd.Series:
    words = np.where(special(part, q_max), "dot", np.where(found(part, q_max), "ring", ""))
    return pd.Series(words, index=part["program"])


def _draw(effect: pd.DataFrame, mark: pd.DataFrame, ax: Axes | None, kind: str) -> Axes:
    n_rows, n_columns = effect.shape
    if ax is None:
        size = (min(4.2 + 0.42 * n_columns, 16), min(1.8 + 0.21 * n_rows, 16))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    shown = np.abs(effect.to_numpy()[effect.notna()])
    limit = max(float(np.quantile(shown, 0.98)), 0.1) if len(shown) else 1.0
    ax.set_facecolor("#e8e8e8")
    image = ax.imshow(effect, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    for word, inside in {"dot": "black", "ring": "none"}.items():
        row, column = np.nonzero((mark == word).to_numpy())
        ax.scatter(column, row, s=9, linewidth=0.7, facecolors=inside, edgecolors="black")
    common = _common_end(list(effect.columns))
    labels = [shorten(title.removesuffix(common)) for title in effect.columns]
    ax.set_xticks(range(n_columns), labels, rotation=45, ha="right", fontsize=8)
    ax.set_title(common.removeprefix(": ").strip(), fontsize=9)
    ax.set_yticks(range(n_rows), [shorten(name) for name in effect.index], fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(
        image,
        ax=ax,
        label=f"difference of {LABELS[kind]} / pooled sd" if kind == TOTAL else "difference / pooled sd",
        shrink=0.6,
        extend="both",
    )
    return ax


def _common_end(titles: list[str]) -> str:
    """Return the common end of all titles: ``": group against reference"``, or ``" against reference"``."""
    for mark in (": ", " against "):
        ends = {title[title.rindex(mark) :] if mark in title else "" for title in titles}
        if len(ends) == 1 and "" not in ends:
            return ends.pop()
    return ""
