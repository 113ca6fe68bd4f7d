"""Align gene sets to the genes of a data set: the prior matrix and the coverage table."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from ._mismatch import likely_cause
from ._sources import GeneSets

# if less than this share of memberships is found in the data, wrong identifiers are more likely than a small panel
LOW_COVERAGE = 0.05
# if less than this share is found, look for a cause
DOUBTFUL_COVERAGE = 0.25


@dataclass(frozen=True)
class AlignedPrograms:
    """A prior on the genes of one data set.

    Attributes
    ----------
    matrix
        Genes x programs, sparse float32; 0 = not a member, the sign is the known direction.
    table
        One row per program: first those in ``matrix``, in its column order, then those dropped, with the reason.
    """

    matrix: sparse.csr_matrix
    table: pd.DataFrame

    @property
    def names(self) -> np.ndarray:
        """Names of the columns of ``matrix``."""
        return self.table.loc[self.table["kept"], "name"].to_numpy(dtype=str)


def align(sets: GeneSets, genes: Sequence[str], *, min_genes: int, max_genes: int | None) -> AlignedPrograms:
    """Align gene sets to ``genes``. Sizes count the genes that are present; identical sets are merged.

    Parameters
    ----------
    sets
        The gene sets.
    genes
        Name of each gene of the data, as the gene sets write it. If several genes have the same name (as is common for
        symbols), all of them become members; genes with an empty name never do.
    min_genes, max_genes
        Programs with fewer or more genes in the data are dropped (``None``: no upper limit).

    Raises
    ------
    ValueError
        If no gene of any set is among ``genes``, or no program is left.
    """
    edges = sets.edges
    names, program = np.unique(edges["source"].to_numpy(dtype=str), return_inverse=True)
    # np.unique sorts; programs keep the order in which they were given
    first = np.full(len(names), len(edges))
    np.minimum.at(first, program, np.arange(len(edges)))
    order = np.argsort(first)
    names, program = names[order], np.argsort(order)[program]

    rows = _rows_of(pd.Index(np.asarray(genes, dtype=str)), edges["target"])
    present = rows["edge"].unique()
    given, here = edges["target"].unique().tolist(), [str(gene) for gene in dict.fromkeys(genes) if gene]
    if not len(present):
        raise ValueError(_nothing_matches(given, here))

    n_genes = np.bincount(program, minlength=len(names))
    n_present = np.bincount(program[present], minlength=len(names))
    absent = np.setdiff1d(np.arange(len(edges)), present)
    missing = edges["target"].iloc[absent].groupby(program[absent]).agg(";".join)
    matrix = sparse.csc_matrix(
        (edges["weight"].to_numpy()[rows["edge"]], (rows["row"], program[rows["edge"]])),
        shape=(len(genes), len(names)),
        dtype=np.float32,
    )
    reason = np.full(len(names), "", dtype=object)
    reason[n_present < min_genes] = f"fewer than min_genes={min_genes} genes present"
    if max_genes is not None:
        reason[n_present > max_genes] = f"more than max_genes={max_genes} genes present"
    _mark_identical(matrix, names, reason)

    table = pd.DataFrame(
        {
            "name": names,
            "n_genes": n_genes,
            "n_present": n_present,
            "coverage": n_present / n_genes,
            "missing": missing.reindex(range(len(names)), fill_value="").to_numpy(dtype=object),
            "signed": np.asarray(matrix.min(axis=0).todense()).ravel() < 0,
            "kept": reason == "",
            "reason": reason,
            "decoy": False,
            "template": "",
        }
    )
    kept = table["kept"].to_numpy()
    if not kept.any():
        # if names differ between data and sets, that is the cause rather than the limits
        raise ValueError(_nothing_left(table, min_genes, max_genes, likely_cause(given, here)))
    coverage = len(present) / len(edges)
    cause = likely_cause(given, here) if coverage < DOUBTFUL_COVERAGE else ""
    if cause or coverage < LOW_COVERAGE:
        warnings.warn(
            f"Only {len(present)} of {len(edges)} memberships ({coverage:.1%}) are of genes in the "
            f"data. {cause or 'Check that species and identifiers are the same.'}",
            UserWarning,
            stacklevel=3,
        )
    for column in sets.meta.columns:
        table[column] = sets.meta[column].reindex(table["name"]).fillna("").to_numpy(dtype=object)
    ordered = pd.concat([table.loc[kept], table.loc[~kept]], ignore_index=True)
    return AlignedPrograms(matrix[:, np.flatnonzero(kept)].tocsr(), ordered)


def _rows_of(genes: pd.Index, targets: pd.Series) -> pd.DataFrame:
    """Return all pairs (row of the data, edge) with the same gene name."""
    have = pd.DataFrame({"name": genes, "row": np.arange(len(genes))})
    have = have.loc[~have["name"].isin(["", "nan", "None"])]
    want = pd.DataFrame({"name": targets.to_numpy(dtype=str), "edge": np.arange(len(targets))})
    return want.merge(have, on="name", how="inner")


def _mark_identical(matrix: sparse.csc_matrix, names: np.ndarray, reason: np.ndarray) -> None:
    """Write into ``reason`` which of the kept programs repeat an earlier one, and warn of this."""
    matrix.sort_indices()
    seen: dict[bytes, int] = {}
    merged: dict[str, list[str]] = {}
    for column in np.flatnonzero(reason == "").tolist():
        part = slice(matrix.indptr[column], matrix.indptr[column + 1])
        digest = hashlib.sha256(matrix.indices[part].tobytes() + matrix.data[part].tobytes()).digest()
        original = seen.setdefault(digest, column)
        if original != column:
            reason[column] = f"identical to {names[original]}"
            merged.setdefault(str(names[original]), []).append(str(names[column]))
    if merged:
        listed = "; ".join(f"{name} = {', '.join(twins)}" for name, twins in merged.items())
        warnings.warn(
            f"Programs that have the same genes in the data were merged into the first of them: {listed}.",
            UserWarning,
            stacklevel=4,
        )


def _nothing_left(table: pd.DataFrame, min_genes: int, max_genes: int | None, cause: str) -> str:
    best = table.loc[table["n_present"].idxmax()]
    advice = "Change these limits, or use data with more genes (before selecting variable genes)."
    return (
        f"None of the {len(table)} program(s) has between min_genes={min_genes} and max_genes={max_genes} genes "
        f"present in the data; {best['name']!r} has the most, {best['n_present']} of {best['n_genes']}. "
        f"{cause or advice}"
    )


def _nothing_matches(given: Sequence[str], genes: Sequence[str]) -> str:
    """Explain why no gene matched, by five names of each side and the most likely cause."""
    advice = "Check that species, type of identifier (symbols, Ensembl, Entrez) and case (CD3E or Cd3e) are the same."
    return (
        "No gene of the programs is a gene of the data.\n"
        f"  programs: {', '.join(given[:5])}\n"
        f"  data:     {', '.join(genes[:5])}\n"
        f"{likely_cause(given, genes) or advice}"
    )
