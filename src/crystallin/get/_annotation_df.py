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
    """Return the labels of groups and the evidence for them, from :func:`crystallin.tl.annotate`.

    Parameters
    ----------
    adata
        Data with results.
    group
        Groups wanted; ``None`` for all.
    scores
        Return the scores and supports of all labels in all groups instead.
    key
        Slot with the result, or the key of the programs that it is about.

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
