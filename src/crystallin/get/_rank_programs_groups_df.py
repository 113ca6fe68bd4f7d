"""The table of differences between groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import RANK_PROGRAMS_GROUPS, TABLE


def rank_programs_groups_df(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    stratum: str | Sequence[str] | None = None,
    key: str = RANK_PROGRAMS_GROUPS,
    q_max: float | None = None,
    decoy_q_max: float | None = None,
    effect_min: float | None = None,
    direction: Literal["up", "down"] | None = None,
    families: Literal["all", "lead"] = "all",
) -> pd.DataFrame:
    """Return the differences between groups, from :func:`crystallin.tl.rank_programs_groups`.

    Parameters
    ----------
    adata
        Data with results.
    group
        Groups to return; ``None`` returns all.
    stratum
        Labels of ``within`` to return; ``None`` returns all.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
    q_max
        Keep programs with a ``q`` of at most this value; ``None`` keeps all.
    decoy_q_max
        Keep programs with a ``decoy_q`` of at most this value; ``None`` keeps all.
    effect_min
        Keep programs with an absolute ``effect_sd`` of at least this value, in pooled standard deviations.
    direction
        ``"up"`` keeps programs that are higher in the group, ``"down"`` those that are lower, ``None`` both.
    families
        ``"lead"`` keeps only the most certain program of each family in each comparison, ``"all"`` keeps all.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.rank_programs_groups`.

    Raises
    ------
    KeyError
        If there are no results under ``key``.
    ValueError
        If a group or stratum is not among them, or ``decoy_q_max`` is given and there were no decoys.

    Examples
    --------
    >>> cr.get.rank_programs_groups_df(adata, "stim", q_max=0.05, families="lead")  # doctest: +SKIP
    """
    slot = checks.check_result(adata, key, RANK_PROGRAMS_GROUPS)
    checks.check_choice(families, "families", ("all", "lead"))
    table = adata.uns[slot][TABLE]
    keep = pd.Series(True, index=table.index)
    for column, wanted in {"group": group, "stratum": stratum}.items():
        if wanted is not None:
            keep &= table[column].isin(checks.check_among(wanted, column, table[column].unique()))
    for argument, column, limit in (("q_max", "q", q_max), ("decoy_q_max", "decoy_q", decoy_q_max)):
        if limit is not None:
            checks.check_number(limit, argument, 0, 1)
            keep &= table[column] <= limit
    if decoy_q_max is not None and table["decoy_q"].isna().all():
        msg = (
            "decoy_q_max needs decoys, and the model was trained without; add them with the programs "
            "(crystallin.pp.add_programs(…, n_decoys=…)) and train again."
        )
        raise ValueError(msg)
    if effect_min is not None:
        checks.check_number(effect_min, "effect_min", 0)
        keep &= table["effect_sd"].abs() >= effect_min
    if direction is not None:
        checks.check_choice(direction, "direction", ("up", "down"))
        keep &= table["effect"] > 0 if direction == "up" else table["effect"] < 0
    if families == "lead":
        keep &= table["lead"].astype(bool)
    return table[keep].reset_index(drop=True)
