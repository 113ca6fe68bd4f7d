"""The table of programs."""

from __future__ import annotations

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, TABLE, Keys


def programs_df(adata: AnnData, *, key: str = DEFAULT_KEY, decoys: bool = False, dropped: bool = False) -> pd.DataFrame:
    """Return the table of programs, with their size and the share of their genes that is in the data.

    Parameters
    ----------
    adata
        Data with programs, from :func:`crystallin.pp.add_programs`.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    decoys
        Include decoy programs.
    dropped
        Include the sets that were left out, with the ``reason``.

    Returns
    -------
    New DataFrame indexed by program name; columns as described at :func:`crystallin.pp.add_programs`.

    Raises
    ------
    KeyError
        If there are no programs.

    Examples
    --------
    >>> cr.get.programs_df(adata, dropped=True)[["n_genes", "n_present", "reason"]]  # doctest: +SKIP
    """
    keys = Keys(key)
    checks.check_table(adata, keys)
    table = adata.uns[keys.uns][TABLE]
    show = pd.Series(True, index=table.index)
    if not decoys:
        show &= ~table["decoy"].astype(bool)
    if not dropped:
        show &= table["kept"].astype(bool)
    return table.loc[show].set_index("name")
