"""The table of contrasts of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin._keys import COMPARE

from ._differences import differences


def compare_df(
    adata: AnnData,
    contrast: str | Sequence[str] | None = None,
    *,
    stratum: str | Sequence[str] | None = None,
    kind: Literal["unique", "total"] = "unique",
    columns: str | Sequence[str] | None = None,
    key: str = COMPARE,
    called: bool = False,
    q_max: float | None = None,
    decoy_q_max: float | None = None,
    effect_min: float | None = None,
    direction: Literal["up", "down"] | None = None,
    families: Literal["all", "lead"] = "all",
) -> pd.DataFrame:
    """Return the contrasts of samples, from :func:`crystallin.tl.compare`.

    Parameters
    ----------
    adata
        Data with results.
    contrast
        Contrasts to return, in the words of the column ``contrast``, such as ``"condition: stim - ctrl"``; ``None``
        returns all.
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
        ``None`` keeps all. ``q`` counts the programs of one contrast and stratum; ``q_all`` counts all tests.
    decoy_q_max
        Keep programs with a ``decoy_q`` of at most this value; ``None`` keeps all.
    effect_min
        Keep programs with an absolute ``effect_sd`` of at least this value, in pooled standard deviations.
    direction
        ``"up"`` keeps positive effects, ``"down"`` negative ones, ``None`` both.
    families
        ``"lead"`` keeps only the most certain program of each family in each contrast and stratum, by the unique
        reading; ``"all"`` keeps all.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.compare`. With ``kind="total"``, tested programs come
    first in each contrast and stratum, and within them those with the largest ``total_effect / total_se``.

    Raises
    ------
    KeyError
        If there are no results under ``key``, or the table has no such column.
    ValueError
        If a contrast or stratum is not among them, or ``decoy_q_max`` is given and there were no decoys.

    Examples
    --------
    >>> cr.get.compare_df(adata, "condition: stim - ctrl", called=True, families="lead")  # doctest: +SKIP
    """
    return differences(
        adata,
        key,
        COMPARE,
        {"contrast": contrast, "stratum": stratum},
        kind=kind,
        columns=columns,
        called=called,
        q_max=q_max,
        decoy_q_max=decoy_q_max,
        effect_min=effect_min,
        direction=direction,
        families=families,
    )
