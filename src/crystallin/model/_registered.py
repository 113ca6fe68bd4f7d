"""Columns that a model was set up with, in data that it is to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystallin import _checks as checks

from ._compat import REGISTRY_KEYS

if TYPE_CHECKING:
    from anndata import AnnData


def check_size_factors(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise unless size factors, which scvi-tools reads where they are, are finite and positive."""
    key = registry["setup_args"].get("size_factor_key")
    if key is not None:
        checks.check_numeric(adata, key, "size_factor_key", positive=True)


def check_columns(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise unless batches and covariates are there, complete and, if they are categories, known."""
    setup, fields = registry["setup_args"], registry["field_registries"]

    def state(key: str) -> dict[str, Any]:
        return fields[key]["state_registry"]

    for argument, registry_key in (("batch_key", REGISTRY_KEYS.BATCH_KEY), ("labels_key", REGISTRY_KEYS.LABELS_KEY)):
        if setup.get(argument) is not None:
            checks.check_known(adata, setup[argument], argument, state(registry_key)["categorical_mapping"])
    for key in setup.get("categorical_covariate_keys") or []:
        known = state(REGISTRY_KEYS.CAT_COVS_KEY)["mappings"][key]
        checks.check_known(adata, key, "categorical_covariate_keys", known)
    for key in setup.get("continuous_covariate_keys") or []:
        checks.check_numeric(adata, key, "continuous_covariate_keys")
