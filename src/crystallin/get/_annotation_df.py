"""The table of groups and their labels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import ANNOTATE, SCORES, TABLE

from ._main_columns import ALL, with_columns
from ._stored import stored_rows


def annotation_df(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    scores: bool = False,
    columns: str | Sequence[str] | None = None,
    key: str = ANNOTATE,
) -> pd.DataFrame:
    """Return the label of each group and the evidence for it, from :func:`crystallin.tl.annotate`.

    Parameters
    ----------
    adata
        Data with results.
    group
        Groups to return; ``None`` returns all.
    scores
        Return the scores and supports of all labels in all groups instead.
    columns
        Names of the columns to return. ``None`` returns the main ones, which fit on a screen, and ``"all"`` all of
        them.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.annotate`.

    Raises
    ------
    KeyError
        If there are no results under ``key``, or the table has no such column.
    ValueError
        If a group is not among them.

    Examples
    --------
    >>> cr.get.annotation_df(adata, columns=["group", "label", "margin"])  # doctest: +SKIP
    """
    table = stored_rows(adata, key, ANNOTATE, table=SCORES if scores else TABLE, group=group)
    # scores have four columns
    return with_columns(table, "annotation_df", ALL if scores and columns is None else columns)
