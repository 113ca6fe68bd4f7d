"""The prior of an AnnData, as :func:`crystallin.pp.add_programs` left it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from crystallin._checks import check_matrix, check_programs
from crystallin._keys import NAMES, OF_MODEL, TABLE, Keys
from crystallin.programs import Prior, make_prior

if TYPE_CHECKING:
    from anndata import AnnData


def read_prior(adata: AnnData, keys: Keys) -> Prior:
    """Read names, edges and decoy flags; raise if there are none or the genes changed since."""
    check_programs(adata, keys)
    stored = adata.uns[keys.uns]
    table = stored[TABLE]
    names = stored[NAMES]
    is_decoy = table.loc[table["kept"].astype(bool), "decoy"].to_numpy(dtype=bool)
    prior = make_prior(check_matrix(adata, "varm", keys.prior, keys), adata.var_names, names, is_decoy)
    kept = table.loc[table["kept"].astype(bool)]
    # what tools add later is of a model, and not of the programs; the rest is in the prior itself
    return prior.with_table(kept.drop(columns=["name", "kept", "reason", "decoy", *OF_MODEL], errors="ignore"))


def warn_if_not_identifiable(prior: Prior) -> None:
    """Warn when programs outnumber genes."""
    if prior.n_programs > prior.n_genes:
        warnings.warn(
            f"There are more programs ({prior.n_programs}) than genes ({prior.n_genes}), so the data cannot tell all "
            "of them apart; activities of overlapping programs will share the evidence (see their sd).",
            UserWarning,
            stacklevel=4,
        )
