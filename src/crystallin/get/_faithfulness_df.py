"""Deletion and insertion curves of methods of attribution."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import FAITHFULNESS

from ._stored import stored_rows


def faithfulness_df(
    adata: AnnData, program: str | Sequence[str] | None = None, *, key: str = FAITHFULNESS
) -> pd.DataFrame:
    """Return the deletion and insertion curves of attribution methods, from :func:`crystallin.tl.faithfulness`.

    Parameters
    ----------
    adata
        Data with the result.
    program
        Names of the programs to return; ``None`` returns all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.faithfulness`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``.
    ValueError
        If a name is not among the results.

    Examples
    --------
    >>> cr.get.faithfulness_df(adata, "B cell")  # doctest: +SKIP
    """
    return stored_rows(adata, key, FAITHFULNESS, program=program)
