"""What a knock-down changes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import KNOCKDOWN

from ._stored import stored_rows


def knockdown_df(adata: AnnData, group: str | Sequence[str] | None = None, *, key: str = KNOCKDOWN) -> pd.DataFrame:
    """Return what a knock-down changes, from :func:`crystallin.tl.knockdown`.

    Parameters
    ----------
    adata
        Data with the result.
    group
        Groups wanted; ``None`` for all.
    key
        Slot with the result, or the key of the programs that it is about.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.knockdown`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``.
    ValueError
        If a name is not among the results.

    Examples
    --------
    >>> cr.get.knockdown_df(adata, "CD19+ B").head(10)  # doctest: +SKIP
    """
    return stored_rows(adata, key, KNOCKDOWN, group=group)
