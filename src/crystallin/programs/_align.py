"""Bring gene sets onto the genes of a dataset: the prior matrix and the coverage table."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from ._sources import GeneSets

# below this share of all memberships found in the data, wrong identifiers are likelier than a small panel
LOW_COVERAGE = 0.05


@dataclass(frozen=True)
class AlignedPrograms:
    """A prior on the genes of one dataset.

    Attributes
    ----------
    matrix
        Genes x programs, sparse float32; 0 = not a member, the sign is the known direction.
    table
        One row per program given, those in ``matrix`` first and in its column order, then those dropped and why.
    """

    matrix: sparse.csr_matrix
    table: pd.DataFrame

    @property
    def names(self) -> np.ndarray:
        """Names of the columns of ``matrix``."""
        return self.table.loc[self.table["kept"], "name"].to_numpy(dtype=str)


def align(sets: GeneSets, genes: Sequence[str], *, min_genes: int, max_genes: int | None) -> AlignedPrograms:
    """Align gene sets to ``genes``; sizes count genes present, identical sets are merged.

    Parameters
    ----------
    sets
        The gene sets.
    genes
        Name of each gene of the data in the sets' vocabulary. A name that stands for several rows (symbols often do)
        makes each of those rows a member; an empty name stands for no gene.
    min_genes, max_genes
        Programs with fewer or more of their genes present are dropped (``None``: no upper limit).

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
    if not len(present):
        raise ValueError(_nothing_matches(edges["target"].unique(), list(dict.fromkeys(genes))))

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
        raise ValueError(_nothing_left(table, min_genes, max_genes))
    if len(present) < LOW_COVERAGE * len(edges):
        warnings.warn(
            f"Only {len(present)} of {len(edges)} memberships ({len(present) / len(edges):.1%}) are genes of this "
            "data; are species and identifiers the same?",
            UserWarning,
            stacklevel=3,
        )
    for column in sets.meta.columns:
        table[column] = sets.meta[column].reindex(table["name"]).fillna("").to_numpy(dtype=object)
    ordered = pd.concat([table.loc[kept], table.loc[~kept]], ignore_index=True)
    return AlignedPrograms(matrix[:, np.flatnonzero(kept)].tocsr(), ordered)


def _rows_of(genes: pd.Index, targets: pd.Series) -> pd.DataFrame:
    """Every pair (row of the data, edge) with the same gene name."""
    have = pd.DataFrame({"name": genes, "row": np.arange(len(genes))})
    have = have.loc[~have["name"].isin(["", "nan", "None"])]
    want = pd.DataFrame({"name": targets.to_numpy(dtype=str), "edge": np.arange(len(targets))})
    return want.merge(have, on="name", how="inner")


def _mark_identical(matrix: sparse.csc_matrix, names: np.ndarray, reason: np.ndarray) -> None:
    """Write into ``reason`` which still-kept programs repeat an earlier one, and warn of it."""
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
            f"Programs with the same genes present were merged into the first of them: {listed}.",
            UserWarning,
            stacklevel=4,
        )


def _nothing_left(table: pd.DataFrame, min_genes: int, max_genes: int | None) -> str:
    best = table.loc[table["n_present"].idxmax()]
    return (
        f"None of the {len(table)} program(s) has between min_genes={min_genes} and max_genes={max_genes} genes "
        f"present in the data; the most are {best['n_present']} of {best['n_genes']} in {best['name']!r}. Change these "
        "limits, or use data with more genes (before selecting variable genes)."
    )


def _nothing_matches(given: Sequence[str], genes: Sequence[str]) -> str:
    """Explain why no gene matched: five names of each side and the likeliest cause."""
    left, right = list(map(str, given)), list(map(str, genes))
    return (
        "No gene of the programs is a gene of the data.\n"
        f"  programs: {', '.join(left[:5])}\n"
        f"  data:     {', '.join(right[:5])}\n"
        f"{_likely_cause(left, right)}"
    )


def _likely_cause(given: Sequence[str], genes: Sequence[str]) -> str:
    ensembl = re.compile(r"^ENS[A-Z]*G\d+")
    given_ids, gene_ids = _share(ensembl, given), _share(ensembl, genes)
    if gene_ids > 0.5 > given_ids:
        return (
            "The data are named by Ensembl ids and the programs by symbols: pass gene_symbols=, the column of "
            "adata.var that holds the symbols."
        )
    if given_ids > 0.5 > gene_ids:
        return "The programs are named by Ensembl ids and the data by symbols: translate one of them."
    if given_ids > 0.5 and gene_ids > 0.5:
        return "Both are Ensembl ids: do they differ in species, or in version suffixes such as '.12'?"
    upper = {name.upper() for name in genes}
    n_same = sum(name.upper() in upper for name in given)
    if n_same:
        return (
            f"{n_same} names agree when upper and lower case are ignored: one side is probably mouse (Cd3e) and the "
            "other human (CD3E). Use programs of the data's species."
        )
    return "Do species and kind of identifier (symbols, Ensembl, Entrez) agree, and is case (CD3E or Cd3e) the same?"


def _share(pattern: re.Pattern[str], names: Sequence[str]) -> float:
    return sum(bool(pattern.match(name)) for name in names) / max(len(names), 1)
