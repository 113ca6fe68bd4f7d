"""Facts about a program, as lines of text."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes

from crystallin import get

from ._stored import call, params_of
from ._style import MUTED, shorten

# inches of a line, characters of one, names of genes that are listed
LINE, LINE_WIDTH, N_NAMES = 0.19, 80, 12


class Fact(NamedTuple):
    """One or several lines of text; grey if they say how to compute a result that is missing."""

    name: str
    text: str
    is_hint: bool = False

    @property
    def n_lines(self) -> int:
        """Number of lines of the text."""
        return self.text.count("\n") + 1


def facts(
    adata: AnnData, program: str, groupby: str, group: str, *, key: str, leakage_key: str, ranking_key: str
) -> list[Fact]:
    """Return size, leakage and importance of a program, and its most certain difference between groups."""
    about = get.programs_df(adata, key=key, decoys=True, columns="all").loc[program]
    is_by_group = params_of(adata, leakage_key, key).get("groupby") == groupby
    by_group = get.leakage_df(adata, program, key=leakage_key).set_index("group") if is_by_group else None
    found = _size(about)
    if "leakage" in about:
        found += _leakage(about, "all cells")
        if by_group is not None and group in by_group.index:
            found += [fact._replace(name="") for fact in _leakage(by_group.loc[group], shorten(group))]
    else:
        found.append(_hint("leakage", call("leakage", groupby)))
    if "importance" in about:
        found.append(Fact("importance", f"{about['importance']:.2f} nats per cell"))
    else:
        found.append(_hint("importance", call("program_importance", groupby)))
    return found + _difference(adata, program, groupby, key, ranking_key)


def draw_facts(ax: Axes, lines: list[Fact]) -> None:
    """Write the lines from the top, with names on the left; spacing is in points, so that lines never overlap."""
    ax.axis("off")
    n = 1
    for fact in lines:
        options = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top", "fontsize": 8.5}
        options["linespacing"] = 1.25
        y = -72 * LINE * n
        ax.annotate(fact.name, (0, 1), (62, y), ha="right", color=MUTED, **options)
        ax.annotate(fact.text, (0, 1), (70, y), color=MUTED if fact.is_hint else "black", **options)
        n += fact.n_lines


def hint(ax: Axes, text: str) -> None:
    """Write into an empty panel why it is empty."""
    ax.axis("off")
    text = "\n".join(textwrap.fill(line, 44) for line in text.split("\n"))
    ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color=MUTED)


def _hint(name: str, text: str) -> Fact:
    return Fact(name, text, is_hint=True)


def _size(about: pd.Series) -> list[Fact]:
    # for programs of a query only the names are known
    if "n_genes" not in about:
        return []
    text = f"{about['n_present']:,} of {about['n_genes']:,} are in the data (coverage {about['coverage']:.2f})"
    missing = [name for name in about["missing"].split(";") if name]
    found = [Fact("genes", text)]
    if missing:
        more = f" and {len(missing) - N_NAMES:,} more" if len(missing) > N_NAMES else ""
        found.append(Fact("missing", textwrap.fill(", ".join(missing[:N_NAMES]) + more, LINE_WIDTH)))
    return found


def _leakage(row: pd.Series, where: str) -> list[Fact]:
    parts = [f"{row['leakage']:.2f} of the refined activity", f"{row['leakage_encoder']:.2f} of the encoder"]
    return [Fact("leakage", f"{', '.join(parts)} ({where})")]


def _difference(adata: AnnData, program: str, groupby: str, key: str, ranking_key: str) -> list[Fact]:
    params, missing = params_of(adata, ranking_key, key), _hint("difference", call("rank_programs_groups", groupby))
    if not params:
        return [missing]
    table = get.rank_programs_groups_df(adata, key=ranking_key, columns="all")
    table = table[table["program"] == program]
    if table.empty:
        return [missing]
    found = [_surest(table)] if params.get("groupby") == groupby else [missing]
    twin = table.iloc[0]
    if twin["nearest_twin"]:
        text = f"{shorten(twin['nearest_twin'])} (similarity {twin['twin_similarity']:.2f})"
        found.append(Fact("nearest twin", text))
    return found


def _surest(table: pd.DataFrame) -> Fact:
    tested = table[table["q"].notna()]
    if tested.empty:
        return _hint("difference", "not tested, because the reliability of this program is too low")
    size = tested["statistic"].abs()
    # many differences have the smallest possible q; among these, the one with the largest statistic
    row = tested.assign(size=size).sort_values(["q", "size"], ascending=[True, False], kind="stable").iloc[0]
    title = f"{row['stratum']}: " if row["stratum"] else ""
    title += f"{row['group']} against {row['reference']}"
    carried = f", carried by {row['breadth']:.1f} of its genes" if "breadth" in row else ""
    text = f"{title} (most certain): {row['effect']:+.2f}, q = {row['q']:.1g}{carried}"
    return Fact("difference", textwrap.fill(text, LINE_WIDTH))
