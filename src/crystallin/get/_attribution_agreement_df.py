"""Agreement between methods of attribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import ATTRIBUTION_AGREEMENT, CONSENSUS, SPREAD, TABLE

from ._stored import stored_rows

TABLES = {"pairs": TABLE, "consensus": CONSENSUS, "spread": SPREAD}


def attribution_agreement_df(
    adata: AnnData,
    program: str | Sequence[str] | None = None,
    group: str | Sequence[str] | None = None,
    *,
    what: Literal["pairs", "consensus", "spread"] = "pairs",
    key: str = ATTRIBUTION_AGREEMENT,
) -> pd.DataFrame:
    """Return the agreement between methods of attribution, from :func:`crystallin.tl.attribution_agreement`.

    Parameters
    ----------
    adata
        Data with the result.
    program
        Names of the programs to return; ``None`` returns all.
    group
        Groups to return; ``None`` returns all.
    what
        Table to return: ``"pairs"``, the agreement of each pair of methods; ``"consensus"``, a ranking of the genes by
        all methods together; or ``"spread"``, the variation of each method over baselines and seeds.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.attribution_agreement`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``.
    ValueError
        If a name is not among the results.

    Examples
    --------
    >>> cr.get.attribution_agreement_df(adata, "B cell", what="consensus").head(20)  # doctest: +SKIP
    """
    checks.check_choice(what, "what", tuple(TABLES))
    return stored_rows(adata, key, ATTRIBUTION_AGREEMENT, table=TABLES[what], program=program, group=group)
