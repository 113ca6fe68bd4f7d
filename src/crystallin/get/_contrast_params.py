"""Parameters and summary of a contrast."""

from __future__ import annotations

from typing import Any

from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import CONTRAST, PARAMS


def contrast_params(adata: AnnData, *, key: str = CONTRAST) -> dict[str, Any]:
    """Return program, groups, difference, breadth and leakage of a contrast, from :func:`crystallin.tl.contrast`.

    Parameters
    ----------
    adata
        Data with a contrast.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New dictionary; entries as described at :func:`crystallin.tl.contrast`.

    Raises
    ------
    KeyError
        If there is no contrast under ``key``.

    Examples
    --------
    >>> cr.get.contrast_params(adata)["breadth"]  # doctest: +SKIP
    """
    return dict(adata.uns[checks.check_result(adata, key, CONTRAST)][PARAMS])
