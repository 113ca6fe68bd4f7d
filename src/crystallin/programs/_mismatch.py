"""Likely reasons why genes of programs are not found in data: species, identifiers, versions, prefixes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

ENSEMBL = re.compile(r"^ENS[A-Z]*G\d+")
# a difference is reported as the cause if this many times as many genes are found without it
LIKELY = 3


class Difference(NamedTuple):
    """A way in which two spellings of a gene differ, as a change that makes them equal."""

    ignoring: str
    given: Callable[[str], str]
    genes: Callable[[str], str]
    advice: str


def _without(pattern: str) -> Callable[[str], str]:
    return lambda name: re.sub(pattern, "", name)


VERSION, PREFIX = _without(r"\.\d+$"), _without(r"^[^_]+_+")
DIFFERENCES = (
    Difference(
        "version suffixes such as '.12' are ignored",
        VERSION,
        VERSION,
        r"drop them, e.g. adata.var_names = adata.var_names.str.replace(r'\.\d+$', '', regex=True).",
    ),
    Difference(
        "upper and lower case are ignored",
        str.upper,
        str.upper,
        "one side is probably mouse (Cd3e) and the other human (CD3E). Use programs of the data's species.",
    ),
    Difference(
        "prefixes of the data's genes, such as that of a reference genome, are ignored",
        str,
        PREFIX,
        "remove them, e.g. adata.var_names = adata.var_names.str.replace(r'^[^_]+_+', '', regex=True).",
    ),
)


def without_version(names: Sequence[str]) -> np.ndarray:
    """Return names without the version suffix of those that are Ensembl ids, as in ``ENSG00000010610.10``."""
    return np.array([VERSION(name) if ENSEMBL.match(name) else name for name in map(str, names)], dtype=str)


def likely_cause(given: Sequence[str], genes: Sequence[str]) -> str:
    """Return why few of the genes ``given`` are in the data, and what to do; an empty string if it is not known."""
    given, genes = list(dict.fromkeys(given)), [gene for gene in dict.fromkeys(genes) if gene]
    if not genes:
        return "The genes of the data have no names; check that gene_symbols= is the right column of adata.var."
    given_ids, gene_ids = _share_of_ensembl(given), _share_of_ensembl(genes)
    if gene_ids > 0.5 > given_ids:
        return (
            "The data have Ensembl ids and the programs have symbols: pass gene_symbols=, the column of adata.var that "
            "holds the symbols."
        )
    if given_ids > 0.5 > gene_ids:
        return "The programs have Ensembl ids and the data have symbols: translate one of them."
    n_now = len(set(given) & set(genes))
    for difference in DIFFERENCES:
        alike = {difference.genes(gene) for gene in genes}
        n_then = sum(difference.given(gene) in alike for gene in given)
        if n_then >= max(LIKELY * n_now, 1):
            return f"{n_then} names agree when {difference.ignoring} ({n_now} otherwise): {difference.advice}"
    if given_ids > 0.5 and gene_ids > 0.5:
        return "Both are Ensembl ids; check that they are of the same species."
    return ""


def _share_of_ensembl(names: Sequence[str]) -> float:
    return sum(bool(ENSEMBL.match(name)) for name in names) / max(len(names), 1)
