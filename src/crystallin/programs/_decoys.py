"""Decoy programs: random sets matched in size and mean expression, as an empirical null distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from ._align import AlignedPrograms
from ._matching import dealt_evenly, matched_genes


def add_decoys(
    programs: AlignedPrograms, mean_expression: np.ndarray, *, n_decoys: int, rng: np.random.Generator
) -> AlignedPrograms:
    """Append ``n_decoys`` decoys, each modelled on a random program; no program is used twice before all are used once.

    Every member is replaced by a gene of nearly the same mean expression that is not in the program. The decoy thus has
    the program's size, signs and weights, but none of its genes.

    Raises
    ------
    ValueError
        If a program holds so many genes that no disjoint set of its size exists, or is named like a decoy.
    """
    names = [f"decoy {i + 1}" for i in range(n_decoys)]
    if taken := sorted(set(names) & set(programs.table["name"])):
        msg = f"Program {taken[0]!r} has the same name as a decoy; rename it, or set n_decoys=0."
        raise ValueError(msg)
    matrix = programs.matrix.tocsc()
    n_genes, n_programs = matrix.shape
    templates = dealt_evenly(n_decoys, n_programs, rng)
    by_expression = np.argsort(mean_expression, kind="stable")

    columns = []
    for template in templates:
        part = slice(matrix.indptr[template], matrix.indptr[template + 1])
        members = matrix.indices[part]
        _check_room(programs.names[template], len(members), n_genes)
        genes = matched_genes(members, by_expression, rng.choice)
        columns.append(sparse.csc_matrix((matrix.data[part], (genes, np.zeros_like(genes))), shape=(n_genes, 1)))
    is_kept = programs.table["kept"]
    decoys = pd.DataFrame(
        {
            "name": names,
            "n_genes": programs.table.loc[is_kept, "n_present"].to_numpy()[templates],
            "n_present": programs.table.loc[is_kept, "n_present"].to_numpy()[templates],
            "coverage": 1.0,
            "missing": "",
            "signed": programs.table.loc[is_kept, "signed"].to_numpy()[templates],
            "kept": True,
            "reason": "",
            "decoy": True,
            "template": programs.names[templates],
        }
    )
    table = pd.concat([programs.table.loc[is_kept], decoys, programs.table.loc[~is_kept]], ignore_index=True)
    extra = table.columns.difference(decoys.columns)
    table[extra] = table[extra].fillna("")
    return AlignedPrograms(sparse.hstack([programs.matrix, *columns], format="csr", dtype=np.float32), table)


def _check_room(name: str, size: int, n_genes: int) -> None:
    if 2 * size > n_genes:
        msg = (
            f"Program {str(name)!r} holds {size} of the data's {n_genes} genes, so there is no decoy of this size "
            "without any of them; lower max_genes or set n_decoys=0."
        )
        raise ValueError(msg)
