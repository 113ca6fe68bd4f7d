"""Gene sets from a dict."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from ._edges import Edge, tidy

logger = logging.getLogger(__name__)


def edges_from_mapping(sets: Mapping[Any, Any]) -> pd.DataFrame:
    """Read a dict of program name to genes, or to a dict or Series of gene to weight."""
    edges: list[Edge] = []
    for name, genes in sets.items():
        members = list(_members(name, genes))
        if not members:
            logger.warning("Program %r holds no genes and is left out.", name)
        edges.extend((name, gene, weight) for gene, weight in members)
    return tidy(edges, lambda i: f"Program {edges[i][0]!r}", padded=True)


def _members(name: Any, genes: Any) -> Iterator[tuple[Any, Any]]:
    """Genes of one program and their weights."""
    if isinstance(genes, Mapping):
        yield from _weighted(name, genes.items())
    elif isinstance(genes, pd.Series) and _holds_weights(genes):
        yield from _weighted(name, genes.items())
    elif (
        isinstance(genes, str | bytes | pd.DataFrame)
        or not isinstance(genes, Iterable)
        or getattr(genes, "ndim", 1) != 1
    ):
        msg = f"Program {name!r} maps to {_shortened(genes)}; give a list of gene names, or a dict of gene to weight."
        raise TypeError(msg)
    else:
        # a set has another order in every session
        ordered = sorted(genes, key=str) if isinstance(genes, set | frozenset) else genes
        yield from ((gene, 1.0) for gene in ordered)


def _holds_weights(genes: pd.Series) -> bool:
    """Whether a Series is gene to weight: numbers (or Booleans) labelled by text."""
    inferred = pd.api.types.infer_dtype(genes, skipna=True)
    labelled = pd.api.types.infer_dtype(genes.index, skipna=True) in {"string", "categorical"}
    return labelled and inferred in {"floating", "integer", "mixed-integer-float", "boolean", "decimal"}


def _weighted(name: Any, members: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for gene, weight in members:
        if isinstance(weight, Iterable) and not isinstance(weight, str | bytes):
            msg = (
                f"Program {name!r} maps {gene!r} to {_shortened(weight)}, so the dict is nested. Give one level, name "
                f"to genes: the value of {name!r} alone, say, or the dicts of all groups joined into one."
            )
            raise TypeError(msg)
        yield gene, weight


def _shortened(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width and text.isprintable() else f"a {type(value).__name__}"
