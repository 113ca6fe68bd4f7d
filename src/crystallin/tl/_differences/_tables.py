"""The table of all comparisons of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from crystallin import stats

from ._left_out import warn_of_what_is_left_out
from ._measured import Measured
from ._questions import Answer, Question, answers
from ._repeated import repeated
from ._rows import over_all, rows
from ._totals import Totals


def table_of(
    questions: Iterable[Question],
    measured: Callable[..., Mapping[str, Measured]],
    about: pd.DataFrame,
    *,
    totals: Totals,
    genes: Callable[[list[Question]], list[pd.DataFrame]],
    more: Callable[[Question, Answer], Mapping[str, Any]],
    delta: float,
    n_refits: int,
    skip: tuple[type[ValueError], ...],
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of all comparisons, and the reasons for those that are left out, which are logged.

    Parameters
    ----------
    questions
        The comparisons.
    measured
        Returns the activities, those of a refit if ``refit`` is given.
    about
        Columns that do not depend on the comparison, indexed by the program's position (no decoys).
    totals
        How totals depend on activities and genes.
    genes
        Returns the columns that say which genes contribute, of each comparison.
    more
        Returns further columns of a comparison.
    delta
        Smallest difference of interest, in pooled standard deviations.
    n_refits
        Number of refits of an ensemble.
    skip
        Errors for which a comparison is left out; others are raised.
    """
    results, skipped = answers(questions, measured(), skip=skip)
    found = genes([question for question, _ in results])
    parts = [
        rows(answer, delta, about.join(of_genes), totals).assign(**question.labels, **more(question, answer))
        for (question, answer), of_genes in zip(results, found, strict=True)
    ]
    if n_refits:
        said = repeated(results, [measured(refit=number) for number in range(n_refits)], delta, about.index)
        parts = [part.join(columns) for part, columns in zip(parts, said, strict=True)]
    warn_of_what_is_left_out(results, skipped)
    table = over_all(parts)
    for before in ("", "total_"):
        table[f"{before}call"], table[f"{before}not_called"] = stats.calls(table, before)
    first = [*results[0][0].labels, "program", "call", "not_called"]
    return table[[*first, *table.columns.difference(first, sort=False)]], skipped
