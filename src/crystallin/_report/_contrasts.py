"""Contrasts of samples under a design."""

from __future__ import annotations

import pandas as pd

from crystallin import get, pl
from crystallin._keys import COMPARE, COMPARISON

from ._blocks import Figure, Heading, Table, Text
from ._difference_texts import left_out, readings, summary, unit
from ._draw import MAX_GROUPS, MAX_PANELS, picture
from ._found import Source, Stored
from ._missing import stale
from ._notable import Q_MAX
from ._values import count

LABELS = COMPARISON[COMPARE]
INTERVAL = ("program", "effect", "lower", "upper", "q")
MAIN = (*INTERVAL, "decoy_q", "conditional_q", "detectable", "effect_min", "effect_max")
MORE = ("most_influential", "reliability", "breadth", "total_effect", "total_q", "opposed", "explained_by")


def contrast_blocks(source: Source, stored: Stored) -> list:
    """Show the contrasts of a design: their table, and the program with the most certain one."""
    table, params = get.compare_df(source.adata, key=stored.slot, columns="all"), stored.params
    within = params.get("within", "")
    title = f"{params['design']}, within {within}" if within else str(params["design"])
    n_comparisons = len(table.groupby(LABELS, observed=True).groups)
    varies = [name for name in LABELS if table[name].nunique() > 1]
    what = "" if "contrast" in varies else f"{table['contrast'].iloc[0]}. "
    call = f"crystallin.get.compare_df(adata, key={stored.slot!r})"
    return [
        Heading(title),
        *stale(source, stored),
        Text(what + summary(table, n_comparisons)),
        *readings(table),
        unit(params),
        *left_out(params),
        *_figures(source, stored, table, title),
        Table(table, "All contrasts", [*varies, *MAIN, *MORE], n_first=20, call=call, name=title),
    ]


def _figures(source: Source, stored: Stored, table: pd.DataFrame, title: str) -> list[Figure]:
    tested = table[table["q"].notna()]
    if tested.empty:
        return []
    row = tested.loc[tested["statistic"].abs().idxmax()]
    of_program = table[table["program"] == row["program"]]
    options = {"key": stored.slot, "contrast": row["contrast"]}
    named = list(dict.fromkeys(of_program.loc[of_program["contrast"] == row["contrast"], "stratum"]))
    strata = named[:MAX_PANELS] if named[0] else None
    figures = [
        picture(
            lambda: pl.compare(source.adata, row["program"], stratum=strata, **options),
            title=f"Samples: {row['program']}",
            name=f"samples {title}",
            alt=f"A dot for each sample, of {row['program']}: {row['contrast']} is {row['effect']:+.2f}.",
            data=of_program[[*LABELS, *INTERVAL]],
            note=(
                "The program with the most certain contrast. Each dot is the mean activity of a sample, with its "
                "sampling error; lines join samples of the same donor."
            ),
        )
    ]
    if not 1 < len(of_program) <= MAX_GROUPS:
        return figures
    forest = picture(
        lambda: pl.forest(source.adata, row["program"], key=stored.slot),
        title=f"All contrasts of {row['program']}",
        name=f"forest {title}",
        alt=f"Intervals of {count(len(of_program), 'contrast')} of {row['program']}.",
        data=of_program[[*LABELS, *INTERVAL, "effect_min", "effect_max", "detectable"]],
        note=(
            f"95 % intervals; grey: q above {Q_MAX}. Below each: the range of the effect if one donor is left out. "
            "Ticks: the smallest difference that would have been found."
        ),
    )
    return [*figures, forest]
