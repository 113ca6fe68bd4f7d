"""Rows of a stored table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import TABLE


def stored_rows(
    adata: AnnData, key: str, kind: str, *, table: str = TABLE, **wanted: str | Sequence[str] | None
) -> pd.DataFrame:
    """Return a copy of a stored table, filtered by the values of columns in ``wanted``; ``None`` keeps all rows."""
    rows = adata.uns[checks.check_result(adata, key, kind)][table]
    keep = pd.Series(True, index=rows.index)
    for column, values in wanted.items():
        if values is not None:
            keep &= rows[column].isin(checks.check_among(values, column, rows[column].unique()))
    return rows[keep].reset_index(drop=True)
