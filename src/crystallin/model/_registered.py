"""Checks of batch and covariate columns in data that a model reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks

from ._compat import REGISTRY_KEYS

if TYPE_CHECKING:
    from anndata import AnnData

# limits for a warning and an error, in standard deviations from the mean of the training cells
OUTSIDE, FAR_OUTSIDE = 20.0, 1_000.0


def check_size_factors(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise an error unless size factors, which scvi-tools reads from ``obs``, are finite and positive."""
    key = registry["setup_args"].get("size_factor_key")
    if key is not None:
        checks.check_numeric(adata, key, "size_factor_key", positive=True)


def check_kinds(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise an error unless categories have the same type, text or numbers, as those of the training data."""
    for argument, key, known in _categorical(registry):
        checks.check_same_kind(adata, key, argument, known)


def check_range(adata: AnnData, registry: dict[str, Any], mean: np.ndarray, sd: np.ndarray) -> None:
    """Raise an error if covariates are far outside the range of the training cells; warn if they are outside.

    Covariates in other units are far outside. ``mean`` and ``sd`` are those of the training cells.
    """
    keys = registry["setup_args"].get("continuous_covariate_keys") or []
    for key, centre, spread in zip(keys, mean.tolist(), sd.tolist(), strict=True):
        # the model was saved by a version that did not standardise covariates
        if (centre, spread) == (0.0, 1.0):
            continue
        values = adata.obs[key].to_numpy(dtype=float)
        furthest = float(np.abs(values - centre).max() / spread)
        if furthest > OUTSIDE:
            what = (
                f"continuous_covariate_keys={key!r} is up to {furthest:.3g} standard deviations from its mean in the "
                f"training cells ({centre:.4g} ± {spread:.3g}). Check that it is in the same units."
            )
            if furthest > FAR_OUTSIDE:
                raise ValueError(what)
            warnings.warn(f"{what} Activities of such cells are extrapolated.", UserWarning, stacklevel=4)


def check_columns(adata: AnnData, registry: dict[str, Any]) -> None:
    """Raise an error unless batches and covariates exist, are complete and, if they are categories, are known."""
    for argument, key, known in _categorical(registry):
        checks.check_same_kind(adata, key, argument, known)
        checks.check_known(adata, key, argument, known)
    for key in registry["setup_args"].get("continuous_covariate_keys") or []:
        checks.check_numeric(adata, key, "continuous_covariate_keys")


def _categorical(registry: dict[str, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield argument, column and known categories of each categorical column of the model's setup."""
    setup, fields = registry["setup_args"], registry["field_registries"]
    for argument, registry_key in (("batch_key", REGISTRY_KEYS.BATCH_KEY), ("labels_key", REGISTRY_KEYS.LABELS_KEY)):
        if setup.get(argument) is not None:
            known = fields[registry_key]["state_registry"]["categorical_mapping"]
            yield argument, setup[argument], list(known)
    for key in setup.get("categorical_covariate_keys") or []:
        known = fields[REGISTRY_KEYS.CAT_COVS_KEY]["state_registry"]["mappings"][key]
        yield "categorical_covariate_keys", key, list(known)
