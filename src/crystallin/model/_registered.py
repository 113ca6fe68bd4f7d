"""Columns that a model was set up with, in data that it is to read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks

from ._compat import REGISTRY_KEYS

if TYPE_CHECKING:
    from anndata import AnnData

# standard deviations of the training cells from their mean
OUTSIDE, FAR_OUTSIDE = 20.0, 1_000.0


def check_size_factors(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise unless size factors, which scvi-tools reads where they are, are finite and positive."""
    key = registry["setup_args"].get("size_factor_key")
    if key is not None:
        checks.check_numeric(adata, key, "size_factor_key", positive=True)


def check_kinds(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise unless categories are of the same kind, text or numbers, as those that the model was trained on."""
    for argument, key, known in _categorical(registry):
        checks.check_same_kind(adata, key, argument, known)


def check_range(adata: AnnData, registry: dict[str, Any], mean: np.ndarray, sd: np.ndarray) -> None:
    """Raise if covariates are far outside of those of the training cells, as in other units; warn if they are outside.

    ``mean`` and ``sd`` are those of the training cells.
    """
    keys = registry["setup_args"].get("continuous_covariate_keys") or []
    for key, centre, spread in zip(keys, mean.tolist(), sd.tolist(), strict=True):
        # models saved before covariates were standardised
        if (centre, spread) == (0.0, 1.0):
            continue
        values = adata.obs[key].to_numpy(dtype=float)
        furthest = float(np.abs(values - centre).max() / spread)
        if furthest > OUTSIDE:
            what = (
                f"continuous_covariate_keys={key!r} is up to {furthest:.3g} standard deviations from its mean in the "
                f"training cells ({centre:.4g} ± {spread:.3g}); is it in the same units?"
            )
            if furthest > FAR_OUTSIDE:
                raise ValueError(what)
            warnings.warn(f"{what} Activities of such cells are extrapolated.", UserWarning, stacklevel=4)


def check_columns(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise unless batches and covariates are there, complete and, if they are categories, known."""
    for argument, key, known in _categorical(registry):
        checks.check_same_kind(adata, key, argument, known)
        checks.check_known(adata, key, argument, known)
    for key in registry["setup_args"].get("continuous_covariate_keys") or []:
        checks.check_numeric(adata, key, "continuous_covariate_keys")


def _categorical(registry: dict[str, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Argument, column and known categories of what the model was set up with."""
    setup, fields = registry["setup_args"], registry["field_registries"]
    for argument, registry_key in (("batch_key", REGISTRY_KEYS.BATCH_KEY), ("labels_key", REGISTRY_KEYS.LABELS_KEY)):
        if setup.get(argument) is not None:
            known = fields[registry_key]["state_registry"]["categorical_mapping"]
            yield argument, setup[argument], list(known)
    for key in setup.get("categorical_covariate_keys") or []:
        known = fields[REGISTRY_KEYS.CAT_COVS_KEY]["state_registry"]["mappings"][key]
        yield "categorical_covariate_keys", key, list(known)
