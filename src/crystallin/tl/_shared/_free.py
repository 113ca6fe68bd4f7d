"""Table of a model's free programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crystallin import stats
from crystallin._keys import AWAKE
from crystallin.programs import listed

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

# number of genes by which a free program is described, and compared with sleeping programs
N_LISTED, N_COMPARED = 10, 50
# q up to which a sleeping program is a hint
MAX_Q = 0.05


def free_programs(adata: AnnData, model: ProgramVAE) -> pd.DataFrame:
    """Describe free programs by their genes, and by the sleeping program that these genes are enriched in."""
    found = model.get_free_genes()
    genes = [listed(loadings[:N_LISTED]) for loadings in found.values()]
    sizes = [len(loadings) for loadings in found.values()]
    table = pd.DataFrame({"name": list(found), "genes": genes, "n_genes": sizes, "hint": "", "hint_q": np.nan})
    about = model.programs_table
    if about is None or AWAKE not in about:
        return table
    sleeping = np.flatnonzero(~about[AWAKE].to_numpy(dtype=bool) & ~model.is_decoy)
    if not len(sleeping):
        return table
    chosen = np.array([adata.var_names.isin(loadings.index[:N_COMPARED]) for loadings in found.values()])
    p = stats.enrichment(chosen, (model.prior[:, sleeping] != 0).toarray().T)
    q = stats.benjamini_hochberg(p.ravel()).reshape(p.shape)
    best, there = q.argmin(axis=1), q.min(axis=1) <= MAX_Q
    hints = model.program_names[sleeping[best]]
    return table.assign(hint=np.where(there, hints, "").astype(object), hint_q=np.where(there, q.min(axis=1), np.nan))
