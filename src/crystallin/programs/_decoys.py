"""Decoy programs: random sets matched in size and mean expression, an empirical null for what real sets do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from ._align import AlignedPrograms

# a member is replaced by a gene at most this many places away in the ranking by mean expression
MIN_WINDOW = 25
WINDOW_SHARE = 0.025


def add_decoys(
    programs: AlignedPrograms, mean_expression: np.ndarray, *, n_decoys: int, rng: np.random.Generator
) -> AlignedPrograms:
    """Append ``n_decoys`` decoys, each shaped after a program drawn at random (evenly: none twice before all once).

    Every member is replaced by a gene of nearly the same mean expression that is not in the program, so the decoy
    has the program's size, signs and weights but none of its genes.

    Raises
    ------
    ValueError
        If a program holds so many genes that no disjoint set of its size exists.
    """
    matrix = programs.matrix.tocsc()
    n_genes, n_programs = matrix.shape
    rounds = -(-n_decoys // n_programs)
    templates = np.concatenate([rng.permutation(n_programs) for _ in range(rounds)])[:n_decoys]
    by_expression = np.argsort(mean_expression, kind="stable")
    rank = np.empty(n_genes, dtype=int)
    rank[by_expression] = np.arange(n_genes)

    columns = []
    for template in templates:
        part = slice(matrix.indptr[template], matrix.indptr[template + 1])
        genes = _matched_genes(matrix.indices[part], rank, by_expression, rng)
        columns.append(sparse.csc_matrix((matrix.data[part], (genes, np.zeros_like(genes))), shape=(n_genes, 1)))
    names = programs.names[templates]
    is_kept = programs.table["kept"]
    decoys = pd.DataFrame(
        {
            "name": [f"decoy {i + 1}" for i in range(n_decoys)],
            "n_genes": programs.table.loc[is_kept, "n_present"].to_numpy()[templates],
            "n_present": programs.table.loc[is_kept, "n_present"].to_numpy()[templates],
            "coverage": 1.0,
            "missing": "",
            "signed": programs.table.loc[is_kept, "signed"].to_numpy()[templates],
            "kept": True,
            "reason": "",
            "decoy": True,
            "template": names,
        }
    )
    table = pd.concat([programs.table.loc[is_kept], decoys, programs.table.loc[~is_kept]], ignore_index=True)
    extra = table.columns.difference(decoys.columns)
    table[extra] = table[extra].fillna("")
    return AlignedPrograms(sparse.hstack([programs.matrix, *columns], format="csr", dtype=np.float32), table)


def _matched_genes(
    members: np.ndarray, rank: np.ndarray, by_expression: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw for each member a distinct non-member of nearby expression rank."""
    n_genes = len(rank)
    if 2 * len(members) > n_genes:
        msg = (
            f"A program holds {len(members)} of the data's {n_genes} genes, so no decoy of its size shares none of "
            "them; lower max_genes or set n_decoys=0."
        )
        raise ValueError(msg)
    free = np.ones(n_genes, dtype=bool)
    free[members] = False
    drawn = np.empty(len(members), dtype=int)
    for i, member in enumerate(members):
        window = max(MIN_WINDOW, int(WINDOW_SHARE * n_genes))
        candidates = np.empty(0, dtype=int)
        while not len(candidates):
            near = by_expression[max(rank[member] - window, 0) : rank[member] + window + 1]
            candidates = near[free[near]]
            window *= 2
        drawn[i] = rng.choice(candidates)
        free[drawn[i]] = False
    return drawn
