"""The table of groups and their labels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import ANNOTATE, SCORES, TABLE

from ._stored import stored_rows


def annotation_df(
    adata: AnnData, group: str | Sequence[str] | None = None, *, scores: bool = False, key: str = ANNOTATE
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
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.annotate`.

    Raises
    ------
    KeyError
        If there are no results under ``key``.
    ValueError
        If a group is not among them.

    Examples
    --------
    >>> cr.get.annotation_df(adata)[["group", "label", "score", "margin"]]  # doctest: +SKIP
    """
    return stored_rows(adata, key, ANNOTATE, table=SCORES if scores else TABLE, group=group)
