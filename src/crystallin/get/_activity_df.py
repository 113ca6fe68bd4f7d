"""Activities as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin._keys import DEFAULT_KEY, Keys, sd_of

from ._columns import activity_values


def activity_df(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    decoys: bool = False,
    free: bool = False,
    sd: bool = False,
) -> pd.DataFrame:
    """Return activities as a DataFrame of cells x programs.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    programs
        Names of the programs to return; ``None`` returns all. Free programs can be named ``"free 1"`` for short.
    kind
        ``"unique"`` is what a program explains beside all other programs; it tells which of several overlapping
        programs a signal belongs to. ``"total"`` is what the genes of the program do, whichever programs explain it,
        which is what biologists usually mean by the activity of a pathway. The page on the model explains both ("Two
        readings of a program").
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    decoys
        With ``programs=None``, include decoy programs.
    free
        With ``programs=None``, include free programs (see ``n_unannotated`` of :class:`crystallin.ProgramVAE`), which
        have a single reading.
    sd
        Return the posterior standard deviation of each activity as well, in a column beside it: ``"B cell sd"`` after
        ``"B cell"``.

    Returns
    -------
    New DataFrame indexed by ``obs_names``, one column per program, or two with ``sd``.

    Raises
    ------
    KeyError
        If there are no activities in this reading, or no program of that name.
    ValueError
        If ``kind`` is not a reading.

    Examples
    --------
    >>> cr.get.activity_df(adata, ["Cytotoxicity"], sd=True).join(adata.obs["bulk_labels"])  # doctest: +SKIP
    """
    keys = Keys(key)
    names, mean, spread = activity_values(adata, keys, kind, programs=programs, decoys=decoys, free=free)
    frame = pd.DataFrame(mean, index=adata.obs_names, columns=names)
    if not sd:
        return frame
    both = pd.concat([frame, pd.DataFrame(spread, adata.obs_names, [sd_of(name) for name in names])], axis=1)
    # each standard deviation after its mean
    return both.iloc[:, np.arange(2 * len(names)).reshape(2, -1).T.ravel()]
