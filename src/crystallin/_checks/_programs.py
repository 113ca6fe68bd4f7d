"""Programs, activities and loadings in AnnData, and genes against a model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crystallin._keys import ACTIVITY_PARAMS, LOADINGS_PARAMS, NAMES, PARAMS, PRIOR_DIGEST, Keys

from ._anndata import check_adata
from ._slots import check_slot_name, is_programs, programs_keys
from ._words import did_you_mean, some


def hash_names(names: Iterable[str]) -> str:
    """Short hash of names in their order, to notice that the genes changed."""
    return hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()[:16]


def check_programs(adata: Any, keys: Keys) -> None:
    """Raise unless programs were added to this AnnData and its genes are still the same."""
    if keys.uns not in adata.uns or keys.prior not in adata.varm:
        added = [key for key in programs_keys(adata) if key in adata.varm]
        hint = f" Programs are there under {some(added)}: pass programs_key." if added else ""
        msg = f"adata has no programs under {keys.prefix!r}; call crystallin.pp.add_programs(adata, …) first.{hint}"
        raise KeyError(msg)
    params = adata.uns[keys.uns].get(PARAMS, {})
    here = hash_names(adata.var_names)
    if params.get("var_names_hash", here) != here:
        msg = (
            f"The genes of adata changed since its programs were added (then {params['n_vars']}, now {adata.n_vars}; "
            "or their names or order). Call crystallin.pp.add_programs again after selecting genes."
        )
        raise ValueError(msg)


def check_table(adata: Any, keys: Keys) -> None:
    """Raise unless names and table of programs are there under ``keys``."""
    check_slot_name(keys.prefix, "key")
    if not is_programs(adata.uns.get(keys.uns)):
        msg = (
            f"adata.uns has no programs under {keys.uns!r}; call crystallin.pp.add_programs (or, for a query, "
            "crystallin.tl.activity) first, or name the key they were added under."
        )
        raise KeyError(msg)


def check_same_programs(adata: Any, keys: Keys, names: np.ndarray, digest: str) -> None:
    """Raise unless the programs in AnnData are the model's, by name and, where the prior is there, by gene."""
    stored, key = adata.uns[keys.uns][NAMES], keys.prefix
    params = adata.uns[keys.uns].get(PARAMS, {})
    same_names = [str(name) for name in stored] == names.tolist()
    if same_names and params.get(PRIOR_DIGEST, digest) != digest:
        msg = (
            f"The programs under {key!r} have the names of the model's but other genes or weights; they were added "
            "again since. Train a model on these programs, or give another key_added."
        )
        raise ValueError(msg)
    if not same_names:
        msg = (
            f"The programs under {key!r} ({len(stored)}, e.g. {some(stored, 3)}) are not those of the model "
            f"({len(names)}, e.g. {some(names, 3)}). Train a model on these programs, or give another key_added."
        )
        raise ValueError(msg)


def check_explainable(adata: Any, keys: Keys, names: np.ndarray, digest: str, *, copy: bool = False) -> None:
    """Raise unless ``adata`` can be written to and has the model's programs under ``keys``, with their genes."""
    check_adata(adata, copy=copy)
    check_table(adata, keys)
    check_same_programs(adata, keys, names, digest)
    if keys.prior not in adata.varm:
        msg = (
            f"adata has no genes of programs under {keys.prior!r}; call crystallin.tl.activity(adata, model) for a "
            "query, or crystallin.pp.add_programs."
        )
        raise KeyError(msg)


def check_activity(adata: Any, keys: Keys) -> None:
    """Raise unless activities were written under ``keys``."""
    check_table(adata, keys)
    if keys.activity not in adata.obsm or keys.sd not in adata.obsm:
        msg = (
            f"adata has no activities under {keys.activity!r}; call crystallin.tl.activity(adata, model) first, or "
            f"name the key they were added under. Their standard deviations have to be there too ({keys.sd!r})."
        )
        raise KeyError(msg)


def check_fresh(adata: Any, keys: Keys, digest: str) -> None:
    """Raise unless the activities under ``keys`` are those of the model as it is now."""
    check_activity(adata, keys)
    stored = adata.uns[keys.uns].get(ACTIVITY_PARAMS, {}).get("digest")
    if stored != digest:
        msg = (
            f"The activities under {keys.activity!r} are not those of this model: it was trained further since they "
            f"were written, or they are another model's. Call crystallin.tl.activity(adata, model, "
            f"key_added={keys.prefix!r}) again."
        )
        raise ValueError(msg)


def check_loadings(adata: Any, keys: Keys) -> None:
    """Raise unless loadings, and the prior they belong to, were written under ``keys``."""
    check_table(adata, keys)
    if keys.loadings not in adata.varm or keys.prior not in adata.varm:
        msg = (
            f"adata has no loadings under {keys.loadings!r} with a prior under {keys.prior!r}; call "
            "crystallin.tl.loadings(adata, model) on the data that crystallin.pp.add_programs was called on."
        )
        raise KeyError(msg)
    stored = adata.uns[keys.uns]
    of_activity, of_loadings = (stored.get(name, {}).get("digest") for name in (ACTIVITY_PARAMS, LOADINGS_PARAMS))
    if of_activity and of_loadings and of_activity != of_loadings:
        warnings.warn(
            f"The loadings under {keys.loadings!r} were computed with another model, or another state of it, than the "
            "activities. Call crystallin.tl.activity and crystallin.tl.loadings with the same model.",
            UserWarning,
            stacklevel=3,
        )


def check_program(wanted: Any, known: Sequence[str], argument: str = "program") -> str:
    """Return the name of a single program, raising on several and on one that is not there."""
    if not isinstance(wanted, str):
        msg = f"{argument}={wanted!r} must be the name of one program, not {type(wanted).__name__}."
        raise TypeError(msg)
    return check_program_names(wanted, known)[0]


def check_program_names(wanted: str | Iterable[str], known: Sequence[str], argument: str = "programs") -> list[str]:
    """Return ``wanted`` as a list of strings, raising on names that are not programs, and if there are none."""
    if not isinstance(wanted, str | Iterable):
        msg = f"{argument}={wanted!r} must be the names of programs, not {type(wanted).__name__}."
        raise TypeError(msg)
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    if not wanted:
        msg = f"{argument} is empty; name programs, or leave it out for all."
        raise ValueError(msg)
    known_set = set(known)
    for name in wanted:
        if not isinstance(name, str) or name not in known_set:
            hint = did_you_mean(name, known, n=3) or f" There are {some(known)}."
            msg = f"{name!r} is not one of the {len(known)} programs.{hint}"
            raise KeyError(msg)
    return [str(name) for name in wanted]


def check_genes(wanted: str | Iterable[str], known: Collection[str], *, may_be_empty: bool = False) -> list[str]:
    """Return ``wanted`` as a list, raising on names that are not genes of the model, and if there are none."""
    if not isinstance(wanted, str | Iterable):
        msg = f"genes={wanted!r} must be the names of genes, not {type(wanted).__name__}."
        raise TypeError(msg)
    wanted = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    if not wanted and not may_be_empty:
        msg = "genes is empty; name genes of the model."
        raise ValueError(msg)
    known_set = set(known)
    for name in wanted:
        if name not in known_set:
            msg = f"{name!r} is not one of the model's {len(known_set)} genes.{did_you_mean(name, known, n=3)}"
            raise KeyError(msg)
    return wanted


def check_same_genes(var_names: pd.Index, genes: np.ndarray) -> None:
    """Raise unless the data's genes are the model's, in the model's order."""
    if len(var_names) == len(genes) and (var_names.to_numpy(dtype=str) == genes).all():
        return
    missing = np.setdiff1d(genes, var_names.to_numpy(dtype=str))
    if not len(missing) and len(var_names) == len(genes):
        problem = "has the model's genes in another order"
    elif not len(missing):
        problem = f"has {len(var_names) - len(genes)} genes that the model does not know"
    else:
        problem = f"lacks {len(missing)} of the model's {len(genes)} genes, e.g. {some(missing)}"
    remedy = "ProgramVAE.prepare_query_anndata(adata, model) brings genes into the model's order and drops the others."
    if len(missing):
        remedy += (
            " It fills missing ones with zeros, as if they were not expressed: programs that lose most of their weight "
            "with them are then not read (NaN). Where that matters, train a model on the genes that both data have."
        )
    msg = f"adata {problem}. {remedy}"
    raise ValueError(msg)
