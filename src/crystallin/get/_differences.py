"""Rows of a table of differences: filters and order that all such results have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin import stats
from crystallin._keys import COMPARISON, KINDS, TABLE, UNIQUE
from crystallin._registry import RESULTS

from ._main_columns import with_columns


def differences(
    adata: AnnData,
    key: str,
    tool: str,
    wanted: Mapping[str, str | Sequence[str] | None],
    *,
    kind: str,
    columns: str | Sequence[str] | None,
    called: bool,
    q_max: float | None,
    decoy_q_max: float | None,
    effect_min: float | None,
    direction: str | None,
    families: str,
) -> pd.DataFrame:
    """Return the rows of a result that have the ``wanted`` labels and pass all filters.

    Parameters
    ----------
    adata, key, tool
        Data, slot of the result (or key of the programs), and the tool that computed it.
    wanted
        Labels to keep, by column; ``None`` keeps all.
    kind, columns, called, q_max, decoy_q_max, effect_min, direction, families
        As described at :func:`crystallin.get.rank_programs_groups_df`.
    """
    slot = checks.check_result(adata, key, tool)
    checks.check_choice(families, "families", ("all", "lead"))
    checks.check_bool(called, "called")
    table, of_kind = _sorted_by(_with_calls(adata.uns[slot][TABLE]), kind, key, tool)
    keep = pd.Series(True, index=table.index)
    for column, labels in wanted.items():
        if labels is not None:
            keep &= table[column].isin(checks.check_among(labels, column, table[column].unique()))
    if called:
        keep &= table[f"{of_kind}call"] != ""
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
    return with_columns(table[keep].reset_index(drop=True), RESULTS[tool].accessor, columns, before=of_kind)


def _with_calls(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the columns of the decision, which results of earlier versions do not have."""
    for before in ("", "total_"):
        if f"{before}effect" in table and f"{before}call" not in table:
            call, reason = stats.calls(table, before)
            table = table.assign(**{f"{before}call": call, f"{before}not_called": reason})
    return table


def _sorted_by(table: pd.DataFrame, kind: str, key: str, tool: str) -> tuple[pd.DataFrame, str]:
    """Return the table sorted by a reading within each comparison, and how the names of its columns begin."""
    checks.check_choice(kind, "kind", KINDS)
    if kind == UNIQUE:
        return table, ""
    if "total_effect" not in table:
        msg = (
            f"The results under {key!r} were computed by an earlier version, which did not compare total activities. "
            f"Call crystallin.tl.activity and crystallin.tl.{tool} again."
        )
        raise ValueError(msg)
    comparison = table.groupby(COMPARISON[tool], sort=False, observed=True).ngroup()
    order = pd.DataFrame(
        {
            "comparison": comparison,
            "untested": table["total_q"].isna(),
            "sure": -(table["total_effect"] / table["total_se"]).abs(),
        }
    )
    return table.loc[order.sort_values(list(order), kind="stable").index], "total_"
