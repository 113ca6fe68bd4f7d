"""Gene sets from a dict."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from ._edges import Edge, tidy

logger = logging.getLogger(__name__)

# text that may be a sign or a weight
SIGN_OR_NUMBER = r"[+\-\u2212]|[+\-\u2212]?\d+(\.\d*)?"


def edges_from_mapping(sets: Mapping[Any, Any]) -> pd.DataFrame:
    """Read a dict from program name to genes, or to a dict or Series from gene to weight."""
    edges: list[Edge] = []
    for name, genes in sets.items():
        members = list(_members(name, genes))
        if not members:
            logger.warning("Program %r holds no genes and is left out.", name)
        edges.extend((name, gene, weight) for gene, weight in members)
    return tidy(edges, lambda i: f"Program {edges[i][0]!r}", padded=True)


def _members(name: Any, genes: Any) -> Iterator[tuple[Any, Any]]:
    """Return the genes of one program and their weights."""
    if isinstance(genes, Mapping):
        yield from _weighted(name, genes.items())
    elif isinstance(genes, pd.Series) and _holds_weights(name, genes):
        yield from _weighted(name, genes.items())
    elif (
        isinstance(genes, str | bytes | pd.DataFrame)
        or not isinstance(genes, Iterable)
        or getattr(genes, "ndim", 1) != 1
    ):
        msg = f"Program {name!r} maps to {_shortened(genes)}; give a list of gene names, or a dict from gene to weight."
        raise TypeError(msg)
    else:
        # the order of a Python set differs between sessions
        ordered = sorted(genes, key=str) if isinstance(genes, set | frozenset) else genes
        yield from ((gene, 1.0) for gene in ordered)


def _holds_weights(name: Any, genes: pd.Series) -> bool:
    """Whether a Series maps genes to weights, rather than being a list of genes with an arbitrary index."""
    if isinstance(genes.index, pd.RangeIndex):
        return False
    inferred = pd.api.types.infer_dtype(genes, skipna=True)
    is_number = inferred in {"floating", "integer", "mixed-integer-float", "boolean", "decimal"}
    if is_number and pd.api.types.infer_dtype(genes.index, skipna=True) in {"string", "categorical"}:
        return True
    if is_number or genes.astype(str).str.fullmatch(SIGN_OR_NUMBER).all():
        msg = (
            f"Program {name!r} maps to a Series, and it is not clear whether its values are genes or weights. Give a "
            "dict from gene to weight (series.astype(float).to_dict()), or a list of genes (series.tolist())."
        )
        raise TypeError(msg)
    return False


def _weighted(name: Any, members: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for gene, weight in members:
        if isinstance(weight, Iterable) and not isinstance(weight, str | bytes):
            msg = (
                f"Program {name!r} maps {gene!r} to {_shortened(weight)}, so the dict is nested. Give a dict with one "
                f"level, from name to genes: for example the value of {name!r} alone, or all inner dicts joined."
            )
            raise TypeError(msg)
        yield gene, weight


def _shortened(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width and text.isprintable() else f"a {type(value).__name__}"
