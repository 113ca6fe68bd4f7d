"""The table of programs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import DEFAULT_KEY, TABLE, Keys

from ._main_columns import with_columns


def programs_df(
    adata: AnnData,
    *,
    columns: str | Sequence[str] | None = None,
    key: str = DEFAULT_KEY,
    decoys: bool = False,
    dropped: bool = False,
) -> pd.DataFrame:
    """Return the table of programs, with their size and the share of their genes that is in the data.

    Parameters
    ----------
    adata
        Data with programs, from :func:`crystallin.pp.add_programs`.
    columns
        Names of the columns to return. ``None`` returns the main ones, which fit on a screen, and ``"all"`` all of
        them.
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
        If there are no programs, or the table has no such column.

    Examples
    --------
    >>> cr.get.programs_df(adata, dropped=True, columns=["n_genes", "n_present", "reason"])  # doctest: +SKIP
    """
    keys = Keys(key)
    checks.check_table(adata, keys)
    table = adata.uns[keys.uns][TABLE]
    show = pd.Series(True, index=table.index)
    if not decoys:
        show &= ~table["decoy"].astype(bool)
    if not dropped:
        show &= table["kept"].astype(bool)
    hidden = [*(() if decoys else ("decoy",)), *(() if dropped else ("missing", "kept", "reason"))]
    return with_columns(table.loc[show].set_index("name"), "programs_df", columns, hidden=hidden)
