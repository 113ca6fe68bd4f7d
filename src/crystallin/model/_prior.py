"""Prior of a model, from the programs stored by :func:`crystallin.pp.add_programs`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from crystallin._checks import check_matrix, check_programs
from crystallin._keys import NAMES, OF_MODEL, TABLE, Keys
from crystallin.programs import Prior, make_prior

if TYPE_CHECKING:
    from anndata import AnnData


def read_prior(adata: AnnData, keys: Keys) -> Prior:
    """Read names, edges and decoy flags; raise an error without programs, or if the genes have changed since then."""
    check_programs(adata, keys)
    stored = adata.uns[keys.uns]
    table = stored[TABLE]
    names = stored[NAMES]
    is_decoy = table.loc[table["kept"].astype(bool), "decoy"].to_numpy(dtype=bool)
    prior = make_prior(check_matrix(adata, "varm", keys.prior, keys), adata.var_names, names, is_decoy)
    if keys.added in adata.varm:
        prior = prior.with_added(check_matrix(adata, "varm", keys.added, keys))
    kept = table.loc[table["kept"].astype(bool)]
    # columns that tools add later describe a model and not the programs; names and decoys are in the prior itself
    return prior.with_table(kept.drop(columns=["name", "kept", "reason", "decoy", *OF_MODEL], errors="ignore"))


def warn_if_not_identifiable(prior: Prior) -> None:
    """Warn if there are more programs than genes."""
    if prior.n_programs > prior.n_genes:
        warnings.warn(
            f"There are more programs ({prior.n_programs}) than genes ({prior.n_genes}), so the data cannot "
            "distinguish all of them. Activities of overlapping programs will have large standard deviations.",
            UserWarning,
            stacklevel=4,
        )
