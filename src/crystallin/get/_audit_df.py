"""Members and suggested members of programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import AUDIT_PROGRAMS, SUMMARY

from ._main_columns import ALL, with_columns
from ._stored import stored_rows

MEMBER, MISSING = "member", "missing"
VERDICTS = {MEMBER: ("kept", "silent", "contradicts"), MISSING: ("suggested", "possible")}


def audit_df(
    adata: AnnData,
    program: str | Sequence[str] | None = None,
    gene: str | Sequence[str] | None = None,
    *,
    kind: Literal["member", "missing"] | None = None,
    verdict: str | Sequence[str] | None = None,
    summary: bool = False,
    columns: str | Sequence[str] | None = None,
    key: str = AUDIT_PROGRAMS,
) -> pd.DataFrame:
    """Return the members of programs and the genes that they may lack, from :func:`crystallin.tl.audit_programs`.

    Parameters
    ----------
    adata
        Data with the result.
    program
        Names of the programs to return; ``None`` returns all.
    gene
        Names of the genes to return; ``None`` returns all.
    kind
        ``"member"`` returns the members of the sets, ``"missing"`` the genes outside; ``None`` returns both.
    verdict
        Verdicts to return: of members ``"kept"``, ``"silent"`` (the counts cannot say) or ``"contradicts"`` (they can,
        and the gene does not follow the program); of missing genes ``"suggested"`` or ``"possible"`` (near a
        suggestion). ``None`` returns all.
    summary
        Return one row for each program instead, with the number of genes by verdict.
    columns
        Names of the columns to return. ``None`` returns the main ones, which fit on a screen, and ``"all"`` all of
        them.
    key
        Slot of ``uns`` that holds the result, or the key of the programs, whose default slot is then read.

    Returns
    -------
    New DataFrame; columns as described at :func:`crystallin.tl.audit_programs`.

    Raises
    ------
    KeyError
        If there is no such result under ``key``, or the table has no such column.
    ValueError
        If a program or gene is not among the results, there is no such kind or verdict, genes are chosen from the
        summary, or the programs were added again since they were audited.

    Examples
    --------
    >>> cr.get.audit_df(adata, "Type I interferon response", verdict="suggested")  # doctest: +SKIP
    >>> cr.get.audit_df(adata, summary=True).nlargest(5, "n_suggested")  # doctest: +SKIP
    """
    if kind is not None:
        checks.check_choice(kind, "kind", tuple(VERDICTS))
    known = VERDICTS[kind] if kind else tuple(name for names in VERDICTS.values() for name in names)
    verdicts = None if verdict is None else checks.check_among(verdict, "verdict", known)
    if summary:
        chosen = {"gene": gene, "kind": kind, "verdict": verdict}
        given = [name for name, value in chosen.items() if value is not None]
        if given:
            msg = f"summary=True returns one row for each program, so it cannot be combined with {', '.join(given)}."
            raise ValueError(msg)
        table = stored_rows(adata, key, AUDIT_PROGRAMS, table=SUMMARY, program=program)
        return with_columns(table, "audit_df", columns or ALL)
    rows = stored_rows(adata, key, AUDIT_PROGRAMS, program=program, gene=gene)
    # a verdict that no gene has is a result and not an error
    keep = pd.Series(True, index=rows.index)
    if kind is not None:
        keep &= rows["kind"] == kind
    if verdicts is not None:
        keep &= rows["verdict"].isin(verdicts)
    return with_columns(rows[keep].reset_index(drop=True), "audit_df", columns)
