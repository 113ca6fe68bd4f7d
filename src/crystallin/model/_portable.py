"""What a model keeps of scvi-tools' registry of its data: the form in which it is exported and accepted back.

A registry says by which method and with which arguments new data are set up. In a file that somebody else made, these
could be any, so only :meth:`ProgramVAE.setup_anndata` and its own arguments are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._compat import REGISTRY_KEYS, SCVI_UUID_KEY

CLASS = "ProgramVAE"
SETUP = "setup_anndata"
SETUP_ARGUMENTS = (
    "layer",
    "batch_key",
    "labels_key",
    "size_factor_key",
    "categorical_covariate_keys",
    "continuous_covariate_keys",
)
FIELDS = (
    REGISTRY_KEYS.X_KEY,
    REGISTRY_KEYS.BATCH_KEY,
    REGISTRY_KEYS.LABELS_KEY,
    REGISTRY_KEYS.SIZE_FACTOR_KEY,
    REGISTRY_KEYS.CAT_COVS_KEY,
    REGISTRY_KEYS.CONT_COVS_KEY,
)
OF_MINIFIED = (
    REGISTRY_KEYS.MINIFY_TYPE_KEY,
    REGISTRY_KEYS.LATENT_QZM_KEY,
    REGISTRY_KEYS.LATENT_QZV_KEY,
    REGISTRY_KEYS.OBSERVED_LIB_SIZE,
)
PARTS = ("data_registry", "state_registry", "summary_stats")
KEYS = ("scvi_version", "model_name", "setup_args", "setup_method_name", "field_registries")


def portable_registry(registry: Mapping[str, Any], genes: np.ndarray) -> dict[str, Any]:
    """Return a registry without what refers to the data of this process.

    Raises
    ------
    ValueError
        If the model was set up in a way that cannot be repeated elsewhere.
    """
    method = registry.get("setup_method_name", SETUP)
    portable = {"setup_method_name": method} | {key: value for key, value in registry.items() if key != SCVI_UUID_KEY}
    # minified data have more fields, but the model itself is the same
    fields = dict(registry.get("field_registries", {}))
    portable["field_registries"] = {name: field for name, field in fields.items() if name not in OF_MINIFIED}
    if method != SETUP:
        msg = f"The data of this model were registered by {method}. Export a model that {SETUP} registered."
        raise ValueError(msg)
    problem = problem_of(portable, genes)
    if problem:
        msg = f"The registry of this model's data cannot be exported: {problem}. Use ProgramVAE.save."
        raise ValueError(msg)
    return portable


def problem_of(registry: Any, genes: np.ndarray) -> str:
    """Return what is wrong with a registry in a few words, or an empty text."""
    if not isinstance(registry, dict) or set(registry) != set(KEYS):
        return "it has other entries than those of scvi-tools"
    if registry["model_name"] != CLASS or registry["setup_method_name"] != SETUP:
        return f"it is for {registry['model_name']}.{registry['setup_method_name']} and not {CLASS}.{SETUP}"
    if not isinstance(registry["scvi_version"], str) or not re.match(r"\d+\.\d+", registry["scvi_version"]):
        return "it has no version of scvi-tools"
    setup, fields = registry["setup_args"], registry["field_registries"]
    if not isinstance(setup, dict) or not set(setup) <= set(SETUP_ARGUMENTS):
        return f"{SETUP} has no such arguments: {', '.join(map(str, set(setup) - set(SETUP_ARGUMENTS)))}"
    wrong = [name for name, value in setup.items() if not _is_setup_value(value)]
    if wrong:
        return f"{', '.join(wrong)} must be names of columns"
    if not isinstance(fields, dict) or set(fields) != set(FIELDS):
        return "it describes other data than counts, batches, labels, size factors and covariates"
    for name, field in fields.items():
        if (
            not isinstance(field, dict)
            or set(field) != set(PARTS)
            or not all(isinstance(field[p], dict) for p in PARTS)
        ):
            return f"{name} is incomplete"
        if not all(_is_setup_value(value) for value in field["data_registry"].values()):
            return f"the place of {name} in the data is not a name"
        if not all(key.startswith("n_") and type(n) is int and n >= 0 for key, n in field["summary_stats"].items()):
            return f"the numbers of {name} are not whole numbers"
    return _problem_of_sizes(fields, genes)


def _is_setup_value(value: Any) -> bool:
    return (
        value is None or isinstance(value, str) or (isinstance(value, list) and all(isinstance(k, str) for k in value))
    )


def _problem_of_sizes(fields: Mapping[str, Any], genes: np.ndarray) -> str:
    """Compare the numbers of genes and categories with the names that are listed."""
    counts, batch, labels, _, categorical, continuous = (fields[name] for name in FIELDS)
    names = counts["state_registry"]["column_names"]
    if np.asarray(names).tolist() != genes.tolist() or counts["summary_stats"].get("n_vars") != len(genes):
        return "its genes are not those of the prior"
    for field, key in ((batch, "n_batch"), (labels, "n_labels")):
        known = np.asarray(field["state_registry"]["categorical_mapping"])
        if known.ndim != 1 or field["summary_stats"].get(key) != len(known):
            return f"{key} is not the number of categories"
    state, n = categorical["state_registry"], categorical["summary_stats"].get("n_extra_categorical_covs")
    n_categories = [len(known) for known in state["mappings"].values()] if n else []
    if len(n_categories) != n or (n and list(state["n_cats_per_key"]) != n_categories):
        return "the categories of covariates are not those listed"
    columns = continuous["state_registry"].get("columns", [])
    if continuous["summary_stats"].get("n_extra_continuous_covs") != len(columns):
        return "the continuous covariates are not those listed"
    return ""


def sizes_of(registry: Mapping[str, Any]) -> tuple[list[int], int]:
    """Return the numbers of categories of the batch and of each covariate, and of continuous covariates."""
    fields = registry["field_registries"]
    categorical = fields[REGISTRY_KEYS.CAT_COVS_KEY]["state_registry"].get("n_cats_per_key", [])
    n_batch = fields[REGISTRY_KEYS.BATCH_KEY]["summary_stats"]["n_batch"]
    n_continuous = fields[REGISTRY_KEYS.CONT_COVS_KEY]["summary_stats"]["n_extra_continuous_covs"]
    return [max(n_batch, 1), *map(int, categorical)], n_continuous
