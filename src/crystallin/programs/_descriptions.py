"""Distinguish GMT files with a description in the second field from those with a gene there."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

logger = logging.getLogger(__name__)

# placeholders for a missing description
BLANK = frozenset(
    {"", "na", "n/a", "nan", "none", "null", "-", "--", "/", ".", "_", "?", "desc", "description", "no description"}
)
# accessions that look like symbols: MSigDB and its collections, WikiPathways, Reactome, KEGG, GO, PubMed, SMPDB, GEO;
# they count as descriptions
ACCESSION = re.compile(
    r"M\d+|C\d|WP\d+|R-[A-Z]{3}-\d+|[a-z]{2,4}\d{5}|GO:?\d{7}|PMID:?\d+|SMP\d+|GSE\d+", re.IGNORECASE
)
SYMBOL = re.compile(r"[A-Za-z0-9][\w.@-]*")


class Line(Protocol):
    """A line of a GMT file: its number, the name of the set, and all fields after the name."""

    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> list[str]: ...


def has_descriptions(lines: Sequence[Line], file: str) -> bool:
    """Whether the second field is a description, judged by all lines together.

    Raises
    ------
    ValueError
        If some lines have a gene there, and the others have a link or nothing.
    """
    genes = {gene for line in lines for gene in line.fields[1:]}
    times = Counter(line.fields[0] for line in lines)
    kinds = [_kind(line, genes, times[line.fields[0]]) for line in lines]
    n = Counter(kinds)
    if n["gene"] > n["either"] and not n["text"]:
        logger.warning(
            "%s has no descriptions: its second fields (%s, …) look like genes and are read as genes.",
            file,
            lines[kinds.index("gene")].fields[0],
        )
        return False
    texts = (line.fields[0] for line, kind in zip(lines, kinds, strict=True) if kind == "text")
    if n["gene"] and n["text"] and all(text.lower() in BLANK or "://" in text for text in texts):
        line = lines[kinds.index("gene")]
        msg = (
            f"{file}, line {line.number}: set {line.name!r} has {line.fields[0]!r}, which looks like a gene, where the "
            "other lines have a description. Insert a description before it, or an additional tab."
        )
        raise ValueError(msg)
    return True


def _kind(line: Line, genes: set[str], times: int) -> str:
    """Return whether a line's second field, found in ``times`` lines, is a ``"gene"``, ``"text"`` or ``"either"``."""
    text, *members = line.fields
    symbol = text.partition(",")[0]
    if text.lower() in BLANK or "://" in text or " " in text or ACCESSION.fullmatch(text):
        return "text"
    # the description of "STAT1 regulon" may be STAT1, although this is also a gene
    if not SYMBOL.fullmatch(symbol) or _plain(text) in _plain(line.name):
        return "either"
    if text in genes:
        return "gene"
    # a word that occurs in many lines is more likely a database (KEGG) than a gene (CD3E)
    is_written_so = _shape(symbol) in {_shape(gene.partition(",")[0]) for gene in members if gene}
    is_single = times == 1 or bool(re.search(r"[A-Za-z]", symbol) and re.search(r"\d", symbol))
    return "gene" if is_written_so and is_single else "either"


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _shape(text: str) -> str:
    """Return the spelling of a name: like ``CD3E``, ``Cd3e``, ``cd3e`` or ``916``."""
    letters = re.sub(r"[^A-Za-z]", "", text)
    if not letters:
        return "number"
    return "upper" if letters.isupper() else "lower" if letters.islower() else "mixed"
