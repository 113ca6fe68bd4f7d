"""How programs are written into AnnData, whoever chose them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from scipy import sparse

from crystallin import _checks as checks
from crystallin._keys import ADDED, NAMES, PARAMS, PRIOR_DIGEST, TABLE, Keys, given
from crystallin.programs import make_prior

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

logger = logging.getLogger(__name__)


def write_programs(
    adata: AnnData,
    keys: Keys,
    matrix: sparse.csr_matrix,
    table: pd.DataFrame,
    params: Mapping[str, Any],
    added: sparse.csr_matrix | None = None,
) -> None:
    """Write a prior, genes x programs, with its table and arguments, and remove what is of earlier programs.

    The columns of the matrix are the rows of the table that are kept, in their order. ``added`` is 1 for members that
    were added to the gene sets.
    """
    names = table.loc[table["kept"].astype(bool), "name"].to_numpy(dtype=str)
    digest = make_prior(matrix, adata.var_names, names).digest
    before = adata.uns.get(keys.uns, {}).get(PARAMS, {})
    stale = [
        *((adata.obsm, slot) for slot in sorted(keys.of_cells)),
        *((adata.varm, slot) for slot in sorted(keys.of_genes)),
    ]
    removed = [slot for mapping, slot in stale if mapping.pop(slot, None) is not None]
    if removed:
        logger.warning("Removed %s: they belong to the programs that were replaced.", ", ".join(map(repr, removed)))
    adata.varm.pop(keys.added, None)
    if added is not None and added.nnz:
        adata.varm[keys.added] = added
    adata.varm[keys.prior] = matrix
    about = {
        "n_vars": adata.n_vars,
        "var_names_hash": checks.hash_names(adata.var_names),
        PRIOR_DIGEST: digest,
        # by this number, results of earlier programs under the same key are recognised
        ADDED: int(before.get(ADDED, 0)) + 1,
        "crystallin": version("crystallin"),
    }
    adata.uns[keys.uns] = {NAMES: names, TABLE: table, PARAMS: given(params) | about}
