"""Cells whose counts are nearly all of one gene that other cells hardly express: an artefact, not biology.

Such a cell affects the loadings and the dispersion of its gene as much as hundreds of other cells. In real data the
largest shares are those of haemoglobin in red cells and immunoglobulins in plasma cells, up to .7 after gene selection.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ._frames import frames_to_caller
from ._words import some

# a gene dominates a cell if it has at least this share of the cell's counts, and at least this many counts
MIN_SHARE, MIN_COUNT = 0.8, 100
# largest share of such a gene in the counts of all other cells
MAX_SHARE_ELSEWHERE = 0.01
# if more than this share of cells is dominated by a gene, they are a cell type
MAX_CELLS = 0.1


def dominated_cells(block: Any) -> np.ndarray:
    """Return position, gene, count of the gene and total count of each such cell in a block of rows, cells x 4."""
    totals = np.asarray(block.sum(axis=1), dtype=float).ravel()
    if sparse.issparse(block):
        largest = np.zeros(len(totals))
        filled = np.diff(block.indptr) > 0
        if filled.any():
            largest[filled] = np.maximum.reduceat(block.data, block.indptr[:-1][filled])
    else:
        largest = block.max(axis=1)
    cells = np.flatnonzero((largest >= MIN_COUNT) & (largest >= MIN_SHARE * totals))
    genes = [int(np.asarray(block[[cell]].argmax(axis=1)).item()) for cell in cells]
    return np.column_stack([cells, np.array(genes, dtype=float), largest[cells], totals[cells]])


def warn_of_dominated(
    found: np.ndarray, gene_totals: np.ndarray, obs_names: Sequence[str], var_names: Sequence[str]
) -> None:
    """Warn of these cells and their genes, if other cells hardly express these genes."""
    in_others = gene_totals.copy()
    np.subtract.at(in_others, found[:, 1].astype(int), found[:, 2])
    total = gene_totals.sum() - found[:, 3].sum()
    genes, n_cells = np.unique(found[:, 1].astype(int), return_counts=True)
    rare = (in_others[genes] < MAX_SHARE_ELSEWHERE * total) & (n_cells <= MAX_CELLS * len(obs_names))
    rows = found[np.isin(found[:, 1], genes[rare])]
    if len(rows):
        named = [
            f"{obs_names[int(cell)]} ({var_names[int(gene)]}: {count:,.0f} of {of:,.0f})"
            for cell, gene, count, of in rows
        ]
        warnings.warn(
            f"{len(rows)} cell(s) consist of one gene that the other cells hardly have: {some(named, 3)}. The loadings "
            "of these genes would be learned from these cells alone. Leave out the cells or the genes.",
            UserWarning,
            stacklevel=frames_to_caller(),
        )
