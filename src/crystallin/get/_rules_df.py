"""The table of rules."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import RULES, TABLE, TERMS

from ._main_columns import ALL, with_columns
from ._stored import stored_rows


def rules_df(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    terms: bool = False,
    columns: str | Sequence[str] | None = None,
    key: str = RULES,
) -> pd.DataFrame:
    """Return the rules that distinguish groups by their programs, from :func:`crystallin.tl.rules`.

    Parameters
    ----------
    adata
        Data with results.
    group
        Groups to return; ``None`` returns all. A group without a rule has no terms.
    terms
        Return one row per term, with the range of its threshold, instead of one per rule.
    columns
        Names of the columns to return. ``None`` returns the main ones, which fit on a screen, and ``"all"`` all of
        them.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.rules`.

    Raises
    ------
    KeyError
        If there are no results under ``key``, or the table has no such column.
    ValueError
        If a group is not among them.

    Examples
    --------
    >>> cr.get.rules_df(adata, columns=["group", "rule", "precision", "recall"])  # doctest: +SKIP
    """
    table = stored_rows(adata, key, RULES, table=TERMS if terms else TABLE, group=group)
    # terms have few columns
    return with_columns(table, "rules_df", ALL if terms and columns is None else columns)
