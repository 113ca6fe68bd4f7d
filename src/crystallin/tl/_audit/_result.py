"""The result of an audit, and the checks of its arguments."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import PARAMS, SUMMARY, TABLE, given

from ._edges import edges_of
from ._verdict import CONTRADICTS, KEPT, MEMBER, SILENT, SUGGESTED, Judged, judge

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import EdgeEvidence, ProgramVAE

logger = logging.getLogger(__name__)

# a sample with fewer cells says nothing about single genes
MIN_CELLS = 20


def check_audit(
    adata: AnnData,
    *,
    sample_key: str | None,
    fdr: float,
    min_loading: float,
    candidates: Sequence[str] | None,
    random_state: int,
    genes: AnnData | None = None,
) -> None:
    """Raise the errors of :func:`crystallin.tl.audit_programs` about its arguments, without a model."""
    checks.check_number(fdr, "fdr", 0, 1, include_minimum=False, include_maximum=False)
    checks.check_number(min_loading, "min_loading", 0)
    checks.check_int(random_state, "random_state", 0)
    if sample_key is not None:
        checks.check_labels(adata, sample_key, "sample_key")
    if genes is not None:
        if not all(hasattr(genes, name) for name in ("var_names", "obs_names", "layers")):
            msg = (
                f"genes is a {type(genes).__name__}; give an AnnData with counts of the same cells for further genes. "
                "To restrict the genes that may be suggested, use candidates=."
            )
            raise TypeError(msg)
        for names, what in ((genes.var_names, "genes"), (genes.obs_names, "cells")):
            if not names.is_unique:
                repeated = names[names.duplicated()].unique()
                msg = f"genes has {what} whose names occur more than once: {checks.some(repeated, 3)}."
                raise ValueError(msg)
    if candidates is not None:
        candidates = [candidates] if isinstance(candidates, str) else candidates
        further = () if genes is None else genes.var_names
        unknown = list(set(map(str, candidates)) - {*map(str, adata.var_names), *map(str, further)})
        if unknown or not len(candidates):
            found = f"has {len(unknown)} names that are not genes of the data: {checks.some(unknown, 3)}"
            msg = f"candidates {found if unknown else 'is empty'}. Name genes, or leave it out to use all."
            raise ValueError(msg)


def audited(
    adata: AnnData,
    model: ProgramVAE,
    positions: np.ndarray,
    *,
    sample_key: str | None,
    fdr: float,
    min_loading: float,
    candidates: Sequence[str] | None,
    random_state: int,
    genes: AnnData | None = None,
) -> dict[str, Any]:
    """Return the result of an audit of the programs at ``positions``, whose arguments have been checked."""
    known = model.prior.shape[0]
    samples = None if sample_key is None else checks.check_labels(adata, sample_key, "sample_key")
    evidence = model.get_edge_evidence(adata, further_genes=genes)
    prior = model.prior
    direction = np.zeros((len(positions), len(evidence.genes)), dtype=np.int8)
    direction[:, :known] = np.sign(prior[:, positions].toarray().T)
    may = np.ones(len(evidence.genes), dtype=bool) if candidates is None else np.isin(evidence.genes, candidates)
    part, half, are_samples = _parts(evidence.cells, samples, random_state)
    judged = judge(evidence, positions, direction, may, part=part, min_loading=min_loading, fdr=fdr)
    degree = np.zeros(len(evidence.genes), dtype=int)
    degree[:known] = prior[:, ~model.is_decoy].getnnz(axis=1)
    table = edges_of(judged, evidence, fdr=fdr, half=half, are_samples=are_samples, degree=degree)
    params: dict[str, Any] = {
        "sample_key": sample_key,
        "fdr": fdr,
        "min_loading": min_loading,
        "random_state": random_state,
        "n_candidates": int((~np.isnan(judged.score)).sum()),
    }
    params = given(params | _errors(table, judged, evidence))
    return {PARAMS: params, TABLE: table, SUMMARY: _summary(table, judged, evidence)}


def _parts(cells: np.ndarray, samples: checks.Labels | None, random_state: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the part of each cell (-1: none), the half to which each part belongs, and whether parts are samples.

    Parts are samples with enough cells, or else two random halves.
    """
    rng = np.random.default_rng(random_state)
    if samples is not None:
        codes = samples.codes[cells]
        small = np.bincount(codes, minlength=len(samples.names)) < MIN_CELLS
        if small.any():
            left_out = [name for name, few in zip(samples.names, small, strict=True) if few]
            msg = "Left out %d of %d samples with fewer than %d cells: %s."
            logger.warning(msg, len(left_out), len(small), MIN_CELLS, checks.some(left_out))
        n_large = int((~small).sum())
        if n_large > 1:
            return np.where(small, -1, np.cumsum(~small) - 1)[codes], rng.permutation(n_large) % 2, True
        logger.warning("There are no two samples with enough cells, so suggestions are not compared between samples.")
    return rng.permutation(len(cells)) % 2, np.arange(2), False


def _summary(table: pd.DataFrame, judged: Judged, evidence: EdgeEvidence) -> pd.DataFrame:
    names = evidence.programs[judged.positions]
    by_program = table.groupby(["program", "verdict"]).size().unstack(fill_value=0).reindex(names, fill_value=0)
    counts = {
        f"n_{verdict}": by_program[verdict].to_numpy() if verdict in by_program else np.zeros(len(names), dtype=int)
        for verdict in (KEPT, SILENT, CONTRADICTS, SUGGESTED)
    }
    members = table["kind"].eq(MEMBER).groupby(table["program"]).sum().reindex(names, fill_value=0)
    about = {"program": names.astype(object), "n_members": members.to_numpy()}
    return pd.DataFrame({**about, **counts, "typical_loading": judged.typical, "reason": judged.reason})


def _errors(table: pd.DataFrame, judged: Judged, evidence: EdgeEvidence) -> dict[str, Any]:
    """Return numbers of suggestions and of mirror images beyond the same threshold."""
    rows = table[table["verdict"] == SUGGESTED]
    program = pd.Index(evidence.programs[judged.positions]).get_indexer(rows["program"])
    # sets with members of both directions have no mirror image
    scores = rows["score"].to_numpy()[judged.orientation[program] != 0]
    n_mirror = int((judged.mirrored >= scores.min()).sum()) if len(scores) else 0
    realised = n_mirror / len(scores) if len(scores) else np.nan
    return {"n_suggested": len(rows), "n_mirror": n_mirror, "realised": realised}
