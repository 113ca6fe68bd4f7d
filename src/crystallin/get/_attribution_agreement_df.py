"""How far methods of attribution agree."""

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
    """Return how far methods of attribution agree, from :func:`crystallin.tl.attribution_agreement`.

    Parameters
    ----------
    adata
        Data with the result.
    program
        Names of the programs wanted; ``None`` for all.
    group
        Groups wanted; ``None`` for all.
    what
        ``"pairs"`` of methods, the ``"consensus"`` of all about the genes, or the ``"spread"`` of each over baselines
        and seeds.
    key
        Slot with the result, or the key of the programs that it is about.

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
