"""The table of differences between groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import KINDS, RANK_PROGRAMS_GROUPS, TABLE, UNIQUE


def rank_programs_groups_df(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
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
    kind
        Reading by which programs are sorted and filtered. The table has the columns of both.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
    q_max
        Keep programs with a ``q`` of at most this value (``total_q`` with ``kind="total"``, and likewise below);
        ``None`` keeps all.
    decoy_q_max
        Keep programs with a ``decoy_q`` of at most this value; ``None`` keeps all.
    effect_min
        Keep programs with an absolute ``effect_sd`` of at least this value, in pooled standard deviations.
    direction
        ``"up"`` keeps programs that are higher in the group, ``"down"`` those that are lower, ``None`` both.
    families
        ``"lead"`` keeps only the most certain program of each family in each comparison, by the unique reading;
        ``"all"`` keeps all.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.rank_programs_groups`. With ``kind="total"``, tested
    programs come first in each comparison, and within them those with the largest ``total_effect / total_se``.

    Raises
    ------
    KeyError
        If there are no results under ``key``.
    ValueError
        If a group or stratum is not among them, or ``decoy_q_max`` is given and there were no decoys; or
        ``kind="total"`` and an earlier version computed the results.

    Examples
    --------
    >>> cr.get.rank_programs_groups_df(adata, "stim", q_max=0.05, families="lead")  # doctest: +SKIP
    """
    slot = checks.check_result(adata, key, RANK_PROGRAMS_GROUPS)
    checks.check_choice(families, "families", ("all", "lead"))
    table, of_kind = _sorted_by(adata.uns[slot][TABLE], kind, key)
    keep = pd.Series(True, index=table.index)
    for column, wanted in {"group": group, "stratum": stratum}.items():
        if wanted is not None:
            keep &= table[column].isin(checks.check_among(wanted, column, table[column].unique()))
    for argument, column, limit in (("q_max", "q", q_max), ("decoy_q_max", "decoy_q", decoy_q_max)):
        if limit is not None:
            checks.check_number(limit, argument, 0, 1)
            keep &= table[f"{of_kind}{column}"] <= limit
    if decoy_q_max is not None and table[f"{of_kind}decoy_q"].isna().all():
        msg = (
            "decoy_q_max needs decoys, and the model was trained without; add them with the programs "
            "(crystallin.pp.add_programs(…, n_decoys=…)) and train again."
        )
        raise ValueError(msg)
    if effect_min is not None:
        checks.check_number(effect_min, "effect_min", 0)
        keep &= table[f"{of_kind}effect_sd"].abs() >= effect_min
    if direction is not None:
        checks.check_choice(direction, "direction", ("up", "down"))
        effect = table[f"{of_kind}effect"]
        keep &= effect > 0 if direction == "up" else effect < 0
    if families == "lead":
        keep &= table["lead"].astype(bool)
    return table[keep].reset_index(drop=True)


def _sorted_by(table: pd.DataFrame, kind: str, key: str) -> tuple[pd.DataFrame, str]:
    """Return the table sorted by a reading within each comparison, and how the names of its columns begin."""
    checks.check_choice(kind, "kind", KINDS)
    if kind == UNIQUE:
        return table, ""
    if "total_effect" not in table:
        msg = (
            f"The results under {key!r} were computed by an earlier version, which did not compare total activities. "
            "Call crystallin.tl.activity and crystallin.tl.rank_programs_groups again."
        )
        raise ValueError(msg)
    comparison = table.groupby(["stratum", "group", "reference"], sort=False, observed=True).ngroup()
    order = pd.DataFrame(
        {
            "comparison": comparison,
            "untested": table["total_q"].isna(),
            "sure": -(table["total_effect"] / table["total_se"]).abs(),
        }
    )
    return table.loc[order.sort_values(list(order), kind="stable").index], "total_"
