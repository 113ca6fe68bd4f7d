"""Labels and p-values of the cells of a mapped query."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, KEY, LABELS_OF_MAP, MAP, MAP_COLUMNS, PARAMS, Keys

LABEL = "label"


def map_cells_df(adata: AnnData, *, key: str = MAP) -> pd.DataFrame:
    """Return the label and the p-values of each cell of a mapped query, from :func:`crystallin.map`.

    Parameters
    ----------
    adata
        Data that were mapped with a calibrated model (see :func:`crystallin.calibrate`).
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame indexed by ``adata.obs_names``. Columns

    - ``label``: label of the reference that is nearest to the cell, as categories of all labels of the reference;
    - ``probability``: probability of this label among all labels, if each is as frequent. It says which label fits
      best and not whether any does, which is what the p-values are for;
    - ``p``: share of held-out cells of the reference that are at least as unusual, by activities and counts together.
      Of cells like those of the reference, a share of ``a`` has a ``p`` of at most ``a``;
    - ``p_counts``: the same by the deviance of the counts given the activities: small if the programs do not explain
      the counts as well as those of the reference, as in cells of poor quality or of some unknown types;
    - ``p_activity``: the same by the distance of the activities from the nearest label: small if programs are active
      in a combination that no label of the reference has.

    Raises
    ------
    KeyError
        If there is no such result under ``key``, or its array in ``obsm`` was removed.
    ValueError
        If this array was changed, or the programs were added again since then.

    Examples
    --------
    >>> cells = cr.get.map_cells_df(adata)  # doctest: +SKIP
    >>> cells.groupby("label", observed=True)["p"].median()  # doctest: +SKIP
    """
    entry = adata.uns[checks.check_result(adata, key, MAP)]
    slot = Keys(str(entry[PARAMS].get(KEY, DEFAULT_KEY))).map
    if slot not in adata.obsm:
        msg = f"adata.obsm has no {slot!r}, which holds the labels of cells: it was removed. Call crystallin.map again."
        raise KeyError(msg)
    values = np.asarray(adata.obsm[slot], dtype=float)
    labels = [str(name) for name in entry[PARAMS][LABELS_OF_MAP]]
    if values.ndim != 2 or values.shape[1] != len(MAP_COLUMNS):
        msg = (
            f"adata.obsm[{slot!r}] has shape {values.shape} instead of cells x {len(MAP_COLUMNS)}: it was changed "
            "since it was written. Call crystallin.map again."
        )
        raise ValueError(msg)
    cells = pd.DataFrame(values, index=adata.obs_names, columns=list(MAP_COLUMNS))
    cells[LABEL] = pd.Categorical.from_codes(cells[LABEL].to_numpy().astype(int), labels)
    return cells
