"""Tell a GMT file with a description in the second field from one that has a gene there."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

logger = logging.getLogger(__name__)

# written where there is nothing to say
BLANK = frozenset(
    {"", "na", "n/a", "nan", "none", "null", "-", "--", "/", ".", "_", "?", "desc", "description", "no description"}
)
# accessions that look like symbols: MSigDB, WikiPathways, Reactome, KEGG, GO, PubMed, SMPDB
ACCESSION = re.compile(r"M\d+|WP\d+|R-[A-Z]{3}-\d+|[a-z]{2,4}\d{5}|GO\d{7}|PMID\d+|SMP\d+", re.IGNORECASE)
SYMBOL = re.compile(r"[A-Za-z0-9][\w.@-]*")


class Line(Protocol):
    """A line of a GMT file: where it stands, the set's name, all fields after it."""

    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> list[str]: ...


def has_descriptions(lines: Sequence[Line], file: str) -> bool:
    """Whether the second field is a description, judged over all lines.

    A second field is taken for a gene if it is written like the genes of its line, is no accession, is not part of the
    set's name and not the same in several lines. The file has no descriptions if this holds in every line.

    Raises
    ------
    ValueError
        If some lines have a gene there, and the others a link or nothing.
    """
    genes = {gene for line in lines for gene in line.fields[1:]}
    times = Counter(line.fields[0] for line in lines)
    suspects = [line for line in lines if _is_gene(line, genes, times[line.fields[0]])]
    if not suspects:
        return True
    if len(suspects) == len(lines):
        logger.warning(
            "%s has no descriptions: its second fields (%s, …) are genes by their look, and are read as such.",
            file,
            suspects[0].fields[0],
        )
        return False
    numbers = {line.number for line in suspects}
    others = (line.fields[0] for line in lines if line.number not in numbers)
    if all(text.lower() in BLANK or "://" in text for text in others):
        line = suspects[0]
        msg = (
            f"{file}, line {line.number}: set {line.name!r} has {line.fields[0]!r}, which looks like a gene, where the "
            "other lines have a description. Put a description, or nothing between two tabs, before it."
        )
        raise ValueError(msg)
    return True


def _is_gene(line: Line, genes: set[str], times: int) -> bool:
    """Whether the second field of a line looks like one of its genes."""
    text, *members = line.fields
    if text.lower() in BLANK or not SYMBOL.fullmatch(text.partition(",")[0]) or ACCESSION.fullmatch(text):
        return False
    if _plain(text) in _plain(line.name):
        return False
    if text in genes:
        return True
    return times == 1 and _shape(text) in {_shape(gene) for gene in members if gene}


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _shape(text: str) -> str:
    """How a name is written: ``CD3E``, ``Cd3e``, ``cd3e`` or ``916``."""
    letters = re.sub(r"[^A-Za-z]", "", text)
    if not letters:
        return "number"
    return "upper" if letters.isupper() else "lower" if letters.islower() else "mixed"
