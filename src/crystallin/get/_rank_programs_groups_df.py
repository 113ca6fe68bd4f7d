"""The table of differences between groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin._keys import RANK_PROGRAMS_GROUPS

from ._differences import differences


def rank_programs_groups_df(
    adata: AnnData,
    group: str | Sequence[str] | None = None,
    *,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    columns: str | Sequence[str] | None = None,
    key: str = RANK_PROGRAMS_GROUPS,
    called: bool = False,
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
        Reading by which programs are sorted and filtered, and of which the main columns are.
    columns
        Names of the columns to return. ``None`` returns the main ones, which fit on a screen, and ``"all"`` all of
        them.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.
    called
        Keep only differences that are called (``call``, and ``total_call`` with ``kind="total"``). This is the list to
        report: about one in twenty of them is expected to be false.
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
        If there are no results under ``key``, or the table has no such column.
    ValueError
        If a group or stratum is not among them, or ``decoy_q_max`` is given and there were no decoys; or
        ``kind="total"`` and an earlier version computed the results.

    Examples
    --------
    >>> cr.get.rank_programs_groups_df(adata, "stim", called=True, families="lead")  # doctest: +SKIP
    """
    return differences(
        adata,
        key,
        RANK_PROGRAMS_GROUPS,
        {"group": group, "stratum": stratum},
        kind=kind,
        columns=columns,
        called=called,
        q_max=q_max,
        decoy_q_max=decoy_q_max,
        effect_min=effect_min,
        direction=direction,
        families=families,
    )
