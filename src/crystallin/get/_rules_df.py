"""The table of rules."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin._keys import RULES, TABLE, TERMS

from ._stored import stored_rows


def rules_df(
    adata: AnnData, group: str | Sequence[str] | None = None, *, terms: bool = False, key: str = RULES
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
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.rules`.

    Raises
    ------
    KeyError
        If there are no results under ``key``.
    ValueError
        If a group is not among them.

    Examples
    --------
    >>> cr.get.rules_df(adata)[["group", "rule", "precision", "recall"]]  # doctest: +SKIP
    """
    return stored_rows(adata, key, RULES, table=TERMS if terms else TABLE, group=group)
