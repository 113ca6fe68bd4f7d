"""Changes after a knock-down."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import KNOCKDOWN

from ._stored import stored_rows


def knockdown_df(adata: AnnData, group: str | Sequence[str] | None = None, *, key: str = KNOCKDOWN) -> pd.DataFrame:
    """Return the changes after a knock-down in the model, from :func:`crystallin.tl.knockdown`.

    Parameters
    ----------
    adata
        Data with the result.
    group
        Groups to return; ``None`` returns all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

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
