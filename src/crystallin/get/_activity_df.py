"""Activities as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, Keys

from ._columns import program_columns


def activity_df(
    adata: AnnData,
    programs: str | Sequence[str] | None = None,
    *,
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
        If there are no activities, or no program of that name.

    Examples
    --------
    >>> cr.get.activity_df(adata, ["Cytotoxicity"]).join(adata.obs["bulk_labels"])  # doctest: +SKIP
    """
    keys = Keys(key)
    checks.check_activity(adata, keys)
    columns, names = program_columns(adata, keys, programs=programs, decoys=decoys)
    values = checks.check_matrix(adata, "obsm", keys.sd if sd else keys.activity, keys)
    return pd.DataFrame(values[:, columns].copy(), index=adata.obs_names, columns=names)
