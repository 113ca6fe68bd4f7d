"""Activities as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys

from ._columns import program_columns


def activity_df(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
    kind: Literal["unique", "total"] = "unique",
    key: str = DEFAULT_KEY,
    decoys: bool = False,
    sd: bool = False,
) -> pd.DataFrame:
    """Return activities as a DataFrame of cells x programs.

    Parameters
    ----------
    adata
        Data with activities, from :func:`crystallin.tl.activity`.
    programs
        Names of the programs to return; ``None`` returns all.
    kind
        ``"unique"`` is what a program explains beside all other programs; it tells which of several overlapping
        programs a signal belongs to. ``"total"`` is what the genes of the program do, whichever programs explain it,
        which is what people mean by the activity of a pathway. The page on the model explains both ("Two readings of a
        program").
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    decoys
        With ``programs=None``, include decoy programs.
    sd
        Return posterior standard deviations instead of means.

    Returns
    -------
    New DataFrame indexed by ``obs_names``, one column per program.

    Raises
    ------
    KeyError
        If there are no activities in this reading, or no program of that name.
    ValueError
        If ``kind`` is not a reading.

    Examples
    --------
    >>> cr.get.activity_df(adata, ["Cytotoxicity"]).join(adata.obs["bulk_labels"])  # doctest: +SKIP
    """
    keys = Keys(key)
    checks.check_activity(adata, keys, kind)
    columns, names = program_columns(adata, keys, programs=programs, decoys=decoys)
    mean_slot, sd_slot = keys.of_kind(kind)
    values = checks.check_matrix(adata, "obsm", sd_slot if sd else mean_slot, keys)
    return pd.DataFrame(values[:, columns].copy(), index=adata.obs_names, columns=names)
