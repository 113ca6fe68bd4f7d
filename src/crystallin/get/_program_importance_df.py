"""Importance of programs by group."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import PROGRAM_IMPORTANCE

from ._stored import stored_rows


def program_importance_df(
    adata: AnnData, group: str | Sequence[str] | None = None, *, key: str = PROGRAM_IMPORTANCE
) -> pd.DataFrame:
    """Return the importance of programs in each group, from :func:`crystallin.tl.program_importance`.

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
    New DataFrame; columns as described at :func:`crystallin.tl.program_importance`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``.
    ValueError
        If a name is not among the results.

    Examples
    --------
    >>> cr.get.program_importance_df(adata, "CD19+ B").head()  # doctest: +SKIP
    """
    return stored_rows(adata, key, PROGRAM_IMPORTANCE, group=group)
