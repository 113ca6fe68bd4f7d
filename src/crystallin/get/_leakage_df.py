"""Leakage of programs by group."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import LEAKAGE

from ._stored import stored_rows


def leakage_df(
    adata: AnnData,
    program: str | Sequence[str] | None = None,
    group: str | Sequence[str] | None = None,
    *,
    key: str = LEAKAGE,
) -> pd.DataFrame:
    """Return the leakage of programs in each group, from :func:`crystallin.tl.leakage`.

    Parameters
    ----------
    adata
        Data with the result.
    program
        Names of the programs to return; ``None`` returns all.
    group
        Groups to return; ``None`` returns all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.leakage`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``.
    ValueError
        If a name is not among the results.

    Examples
    --------
    >>> cr.get.leakage_df(adata, group="CD19+ B").nlargest(5, "leakage")  # doctest: +SKIP
    """
    return stored_rows(adata, key, LEAKAGE, program=program, group=group)
