"""The genes of a contrast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import CONTRAST, TABLE


def contrast_df(
    adata: AnnData,
    n: int | None = None,
    *,
    stratum: str | Sequence[str] | None = None,
    members: bool = False,
    key: str = CONTRAST,
) -> pd.DataFrame:
    """Return the contribution of each gene to a difference of activity, from :func:`crystallin.tl.contrast`.

    Parameters
    ----------
    adata
        Data with a contrast.
    n
        Number of genes to return, by absolute contribution (in a contrast within strata, the largest in any of those
        that are returned); ``None`` returns all.
    stratum
        Labels of ``within`` to return; ``None`` returns all.
    members
        Return members of the program only.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.contrast`.

    Raises
    ------
    KeyError
        If there is no contrast under ``key``.
    ValueError
        If a stratum is not among those of the contrast, or the contrast has none.

    Examples
    --------
    >>> cr.get.contrast_df(adata, 20)  # doctest: +SKIP
    """
    slot = checks.check_result(adata, key, CONTRAST)
    if n is not None:
        checks.check_int(n, "n", 1)
    table = adata.uns[slot][TABLE]
    if stratum is not None:
        if "stratum" not in table:
            msg = f"stratum={stratum!r}: the contrast under {slot!r} has no strata. Leave stratum out."
            raise ValueError(msg)
        table = table[table["stratum"].isin(checks.check_among(stratum, "stratum", table["stratum"].unique()))]
        largest = table["contribution"].abs().groupby(table["gene"]).transform("max")
        table = table.iloc[np.argsort(-largest.to_numpy(), kind="stable")]
    if members:
        table = table[table["member"].astype(bool)]
    if n is not None:
        table = table[table["gene"].isin(table["gene"].unique()[:n])]
    return table.reset_index(drop=True)
