"""Which cells of a mapped query are like those of the reference."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import MAP, NEW, PARAMS

from ._map_cells_df import map_cells_df
from ._map_df import map_df


def like_reference(adata: AnnData, *, alpha: float = 0.05, key: str = MAP) -> np.ndarray:
    """Return which cells of a mapped query are like those of the reference, from :func:`crystallin.map`.

    These are the cells with a p-value of at least ``alpha`` in groups that are not new. Activities of other cells say
    less, because the model was trained on nothing like them; leave them out before other tools if their number is
    large. Cells of groups that are shifted or have too few cells for a verdict are judged by their p-value alone.

    Parameters
    ----------
    adata
        Data that were mapped with a calibrated model (see :func:`crystallin.calibrate`).
    alpha
        Smallest p-value of a cell that is like the reference. Of cells that are, about this share is left out as well.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    Array of ``bool``, one for each cell.

    Raises
    ------
    KeyError
        If there is no such result under ``key``, or the column with the groups was removed.
    ValueError
        If ``alpha`` is not between 0 and 1, or the column with the groups was changed since then.

    Examples
    --------
    >>> adata = adata[cr.get.like_reference(adata)].copy()  # doctest: +SKIP
    """
    checks.check_number(alpha, "alpha", 0, 1)
    cells, verdicts = map_cells_df(adata, key=key), map_df(adata, key=key, columns="all")
    groups = _groups(adata, key)
    groups = cells["label"].astype(str).to_numpy() if groups is None else groups
    unknown = sorted(set(groups) - set(verdicts["group"].astype(str)))
    if unknown:
        msg = (
            f"There is no verdict on {checks.some(unknown, 3)}: the groups were changed since the query was mapped. "
            "Call crystallin.map again."
        )
        raise ValueError(msg)
    is_new = np.isin(groups, verdicts.loc[verdicts["verdict"] == NEW, "group"].astype(str))
    return (cells["p"].to_numpy() >= alpha) & ~is_new


def _groups(adata: AnnData, key: str) -> np.ndarray | None:
    """Return the group of each cell, or ``None`` if these are the labels."""
    groupby = adata.uns[checks.check_result(adata, key, MAP)][PARAMS].get("groupby")
    return checks.check_labels(adata, str(groupby), "groupby").of_cells.astype(str) if groupby else None
