"""One program on one page: members that follow it, members that do not, and genes that it may lack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import _checks as checks
from crystallin import get
from crystallin._keys import AUDIT_PROGRAMS, MIN_ESTIMATED, PARAMS

from ._chosen import only_one
from ._style import DOWN, MUTED, UP, finish, shorten, tidy, wrap

DARK = "0.25"
# inches: height of a row, of all else, and width of the axes with the names of genes
ROW, FRAME, WIDTH = 0.19, 1.65, 5.4
# inches of each column at the right, and letters of a name there and of one on the left
COLUMN, NAME, GENE = 0.62, 22, 20
TITLE = 52
# of dots, in square points
SIZE = 28
# intervals of silent members may go beyond all others by this share of the axis; the rest is cut
BEYOND = 0.25
# head of the column of competitors, which are names and need room
OTHERS = "moves with"


class Look(NamedTuple):
    """How genes with a verdict are drawn."""

    colour: str
    face: str
    marker: str
    width: float


LOOKS = {
    "suggested": Look(UP, UP, "o", 1.8),
    "contradicts": Look(DOWN, DOWN, "X", 1.8),
    "kept": Look(DARK, DARK, "o", 1.8),
    "silent": Look(MUTED, "white", "o", 0.9),
}


def audit(
    adata: AnnData,
    program: str,
    *,
    n_genes: int = 12,
    key: str = AUDIT_PROGRAMS,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes:
    """Draw the genes of a program: those suggested, and the members that contradict it, follow it or are silent.

    Dots are loadings, estimated without the gene's own counts; lines are 95 % intervals, and an arrow marks where one
    goes on outside the axes. Suggested genes (blue, names in italics) are not members of the set but move with the
    program, given all other programs. Members are kept (dark), contradict the program (orange crosses: the counts can
    tell, and the gene does not follow), or are silent (white dots: the counts cannot tell). The dotted line is the
    typical loading of the members. A suggested gene has to exceed a share of it, which is the dashed line. If the set
    says for each gene if it goes up or down, the same lines are drawn below 0.

    At the right: the false discovery rate (q), whether the loading is clear in both halves of the cells (or of the
    samples), in how many samples it has the same sign, and another program that the gene moves with nearly as much.
    The title gives the numbers of original and suggested genes, the error rate that was asked for and the one that
    mirror images show for the suggestions of all programs (see :func:`crystallin.tl.audit_programs`).

    Parameters
    ----------
    adata
        Data with an audit, from :func:`crystallin.tl.audit_programs`.
    program
        Name of the program.
    n_genes
        Largest number of genes to show of each kind: suggestions with the smallest q, members with the largest
        loadings.
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
        If there is no audit, or no such program in it.
    ValueError
        If the program was not audited; the message says why.

    Examples
    --------
    >>> cr.pl.audit(adata, "Type I interferon response")  # doctest: +SKIP
    """
    checks.check_int(n_genes, "n_genes", 1)
    program = only_one(program)
    summary = get.audit_df(adata, summary=True, key=key).set_index("program")
    checks.check_program_names(program, [str(name) for name in summary.index], "program")
    about = summary.loc[program]
    params = adata.uns[checks.check_result(adata, key, AUDIT_PROGRAMS)][PARAMS]
    whole = get.audit_df(adata, key=key, columns="all")
    table = whole[whole["program"] == program]
    if table.empty:
        msg = f"{program!r} was not audited: {about['reason'] or 'it has no members in the data'}."
        raise ValueError(msg)
    parts, headings = _parts(table, about, n_genes)
    n_rows = len(headings) + sum(map(len, parts.values()))
    columns = _columns(pd.concat(list(parts.values())))
    if ax is None:
        size = (WIDTH + COLUMN * (len(columns) + (OTHERS in columns)), FRAME + ROW * n_rows)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    reach = _draw_lines(ax, table, about, params)
    _set_limits(ax, parts, reach)
    _draw_genes(ax, parts, headings, columns)
    ax.set_ylim(n_rows - 0.4, -0.9)
    ax.set_xlabel(_note(parts, reach, ax.get_xlim()), fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_title(_title(program, about, params), fontsize=9, loc="left", pad=24)
    tidy(ax)
    return finish(ax, show)


def _replicated(rows: pd.DataFrame) -> pd.Series:
    """Return in words whether each missing gene holds in both halves; members are not asked."""
    said = rows["replicated"].astype(bool).map({True: "yes", False: "no"})
    return said.where(rows["kind"] == "missing", "")


def _parts(table: pd.DataFrame, about: pd.Series, n_genes: int) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the genes to show and a heading for each verdict, in the order from the top."""
    sizes = table["verdict"].astype(str).value_counts()
    n = {verdict: int(sizes.get(verdict, 0)) for verdict in (*LOOKS, "possible")}
    near = f" ({n['possible']:,} more came near)" if n["possible"] else ""
    headings = {
        "suggested": f"suggested: {_genes(n['suggested'])}{near}",
        "contradicts": f"members that do not follow the program: {_genes(n['contradicts'])}",
        "kept": f"members that follow it: {_genes(n['kept'])}",
        "silent": f"members that the data cannot judge: {_genes(n['silent'])}",
    }
    if about["reason"]:
        headings["suggested"] = f"no genes were sought: {shorten(str(about['reason']), 60)}"
    elif not n["suggested"]:
        headings["suggested"] = f"no gene is suggested{near}"
    parts = {}
    for verdict in LOOKS:
        rows = table[table["verdict"] == verdict]
        rows = rows.assign(along=rows["loading"] * rows["weight"])
        order = ["q", "along"] if verdict == "suggested" else ["along"]
        rows = rows.sort_values(order, ascending=[name == "q" for name in order], kind="stable")
        if len(rows) or verdict == "suggested":
            parts[verdict] = rows.head(n_genes)
        if len(rows) > n_genes:
            headings[verdict] += f", {n_genes:,} shown"
    return parts, {verdict: headings[verdict] for verdict in parts}


def _genes(n: int) -> str:
    return f"{n:,} gene{'' if n == 1 else 's'}"


def _columns(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the text at the right of each gene, by the head of its column."""
    found = {
        # a q says nothing of genes on which the counts are silent
        "q": rows["q"].where(rows["verdict"] != "silent").map(_q),
        "in both\nhalves": _replicated(rows),
    }
    if (rows["n_samples"] > 0).any():
        pairs = zip(rows["n_agree"], rows["n_samples"], strict=True)
        found["same sign\nin samples"] = pd.Series([f"{a:.0f} of {n:.0f}" for a, n in pairs], rows.index)
    others = rows["competitor"].astype(object).fillna("").astype(str)
    if (others != "").any():
        found[OTHERS] = others.map(lambda name: shorten(name, NAME))
    return found


def _q(value: float) -> str:
    return "" if pd.isna(value) else "<0.001" if value < 0.001 else f"{value:.2g}"


def _draw_lines(ax: Axes, table: pd.DataFrame, about: pd.Series, params: Mapping[str, Any]) -> list[float]:
    """Draw 0, the typical loading of members and the threshold of suggestions, and return the last two, if known."""
    ax.axvline(0, color="black", linewidth=0.8)
    typical = float(about["typical_loading"])
    if not np.isfinite(typical):
        return []
    lines = [typical, typical * float(params["min_loading"])] if "min_loading" in params else [typical]
    for sign in (1, -1) if (table["weight"] < 0).any() else (1,):
        for value, style in zip(lines, (":", "--"), strict=False):
            ax.axvline(sign * value, color=MUTED, linewidth=1, linestyle=style, zorder=0)
    return lines


def _set_limits(ax: Axes, parts: dict[str, pd.DataFrame], reach: list[float]) -> None:
    """Give all intervals room except those of silent members, which may be so wide that nothing else is seen."""
    rows = pd.concat(list(parts.values()))
    clear = rows[rows["verdict"] != "silent"]
    core = clear if len(clear) else rows
    low, high = min(0, core["lower"].min()), max(0, core["upper"].max(), *reach)
    span = (high - low) or 1.0
    low, high = (
        max(min(low, rows["lower"].min()), low - BEYOND * span),
        min(max(high, rows["upper"].max()), high + BEYOND * span),
    )
    ax.set_xlim(low - 0.03 * span, high + 0.03 * span)


def _draw_genes(
    ax: Axes, parts: dict[str, pd.DataFrame], headings: dict[str, str], columns: dict[str, pd.Series]
) -> None:
    """Draw a heading and one row for each gene, from the top."""
    y, ticks, labels, low, high = 0, [], [], *ax.get_xlim()
    right = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    places = {head: (i + 0.6) * 72 * COLUMN for i, head in enumerate(columns)}
    sides = {head: "left" if head == OTHERS else "center" for head in columns}
    if OTHERS in places:
        places[OTHERS] -= 18
    for head, x in places.items():
        ax.annotate(head, (1, -0.6), (x, 2), ha=sides[head], va="bottom", fontsize=7, color="0.35", **right)
    for verdict, rows in parts.items():
        look = LOOKS[verdict]
        ax.annotate(headings[verdict], (0, y), (3, 0), va="center", fontsize=8, fontweight="bold", color=look.colour,
                    zorder=4, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5}, **right)  # fmt: skip
        y += 1
        place = np.arange(y, y + len(rows))
        ax.hlines(place, rows["lower"], rows["upper"], color=look.colour, linewidth=look.width)
        points = {"edgecolors": look.colour, "facecolors": look.face, "marker": look.marker}
        ax.scatter(rows["loading"], place, s=SIZE, linewidths=1, zorder=3, **points)
        for edge, arrow, beyond in ((low, "<", rows["lower"] < low), (high, ">", rows["upper"] > high)):
            at = place[beyond.to_numpy()]
            if len(at):
                ax.plot(np.full(len(at), edge), at, arrow, color=look.colour, markersize=4, clip_on=False)
        for index, at in zip(rows.index, place, strict=True):
            for head, x in places.items():
                ax.annotate(columns[head][index], (1, at), (x, 0), ha=sides[head], va="center", fontsize=7, **right)
        marks = rows["in_panel"].astype(bool).map({True: "", False: " †"})
        ticks += [*place]
        labels += [f"{shorten(str(gene), GENE)}{mark}" for gene, mark in zip(rows["gene"], marks, strict=True)]
        y += len(rows)
    ax.set_yticks(ticks, labels, fontsize=8)
    for label, verdict in zip(
        ax.get_yticklabels(), (name for name in parts for _ in range(len(parts[name]))), strict=True
    ):
        label.set_style("italic" if verdict == "suggested" else "normal")


def _note(parts: dict[str, pd.DataFrame], reach: list[float], limits: tuple[float, float]) -> str:
    lines = ["loading (change of the log rate per unit of activity), 95 % interval"]
    if reach:
        lines.append("dotted: typical loading of the members; dashed: what a suggested gene has to exceed")
    rows = pd.concat(list(parts.values()))
    if (rows["lower"] < limits[0]).any() or (rows["upper"] > limits[1]).any():
        lines.append("arrow: the interval goes on")
    if not parts["suggested"]["in_panel"].astype(bool).all():
        lines.append("† not among the genes that the model was trained on")
    return "\n".join(lines)


def _title(program: str, about: pd.Series, params: Mapping[str, Any]) -> str:
    """Return the program with its numbers of genes, and the error rate of suggestions."""
    added = f" + {int(about['n_suggested']):,}" if about["n_suggested"] else ""
    n = int(about["n_members"])
    title = wrap(f"{program}: {n:,}{added} gene{'' if f'{n}{added}' == '1' else 's'}", TITLE)
    realised = float(params.get("realised", np.nan))
    if "fdr" not in params or not about["n_suggested"]:
        return title
    error = f"expected share of false suggestions: {params['fdr']:.0%}"
    if int(params.get("n_suggested", 0)) < MIN_ESTIMATED or not np.isfinite(realised):
        return f"{title}\n{error}"
    return f"{title}\n{error}; estimated over all programs: {realised:.0%}"
