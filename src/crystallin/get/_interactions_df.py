"""Interactions of genes in the encoder."""

from __future__ import annotations

import pandas as pd
from anndata import AnnData

from crystallin._keys import INTERACTIONS

from ._stored import stored_rows


def interactions_df(adata: AnnData, *, key: str = INTERACTIONS) -> pd.DataFrame:
    """Return the interactions of pairs of genes in the encoder, from :func:`crystallin.tl.interactions`.

    Parameters
    ----------
    adata
        Data with the result.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.interactions`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``.

    Examples
    --------
    >>> cr.get.interactions_df(adata).head(10)  # doctest: +SKIP
    """
    return stored_rows(adata, key, INTERACTIONS)
