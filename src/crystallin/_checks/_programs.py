"""Programs, activities and loadings in AnnData, and genes against a model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crystallin._keys import ACTIVITY_PARAMS, KINDS, LOADINGS_PARAMS, NAMES, PARAMS, PRIOR_DIGEST, UNIQUE, Keys

from ._anndata import check_adata
from ._frames import frames_to_caller
from ._slots import check_slot_name, is_programs, programs_keys
from ._values import check_choice
from ._words import did_you_mean, some

# names that a message suggests
MAX_NAMED = 6


def hash_names(names: Iterable[str]) -> str:
    """Return a short hash of names in their order, to notice that the genes have changed."""
    return hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()[:16]


def check_programs(adata: Any, keys: Keys) -> None:
    """Raise unless programs were added to this AnnData and its genes are still the same."""
    if keys.uns not in adata.uns or keys.prior not in adata.varm:
        added = [key for key in programs_keys(adata) if key in adata.varm]
        hint = f" There are programs under {some(added)}; to use them, pass programs_key." if added else ""
        msg = f"adata has no programs under {keys.prefix!r}; call crystallin.pp.add_programs(adata, …) first.{hint}"
        raise KeyError(msg)
    params = adata.uns[keys.uns].get(PARAMS, {})
    here = hash_names(adata.var_names)
    if params.get("var_names_hash", here) != here:
        msg = (
            "The genes of adata, or their order, changed since its programs were added (then "
            f"{params['n_vars']} genes, now {adata.n_vars}). Call crystallin.pp.add_programs again after selecting "
            "genes."
        )
        raise ValueError(msg)


def check_table(adata: Any, keys: Keys) -> None:
    """Raise unless ``adata`` has the names and the table of programs under ``keys``."""
    check_slot_name(keys.prefix, "key")
    if not is_programs(adata.uns.get(keys.uns)):
        msg = (
            f"adata.uns has no programs under {keys.uns!r}; call crystallin.pp.add_programs (or, for a query, "
            "crystallin.tl.activity) first, or pass the key under which they were added."
        )
        raise KeyError(msg)


def check_same_programs(adata: Any, keys: Keys, names: np.ndarray, digest: str) -> None:
    """Raise unless the programs in AnnData are the model's, by their names and, if the prior is stored, their genes."""
    stored, key = adata.uns[keys.uns][NAMES], keys.prefix
    params = adata.uns[keys.uns].get(PARAMS, {})
    same_names = [str(name) for name in stored] == names.tolist()
    if same_names and params.get(PRIOR_DIGEST, digest) != digest:
        msg = (
            f"The programs under {key!r} have the same names as those of the model but other genes or weights: they "
            "were added again after training. Train a model on these programs, or choose another key_added."
        )
        raise ValueError(msg)
    if not same_names:
        msg = (
            f"The programs under {key!r} ({len(stored)}, e.g. {some(stored, 3)}) are not those of the model "
            f"({len(names)}, e.g. {some(names, 3)}). Train a model on these programs, or choose another key_added."
        )
        raise ValueError(msg)


def check_explainable(adata: Any, keys: Keys, names: np.ndarray, digest: str, *, copy: bool = False) -> None:
    """Raise unless ``adata`` can be changed and has the model's programs under ``keys``, with their genes."""
    check_adata(adata, copy=copy)
    check_table(adata, keys)
    check_same_programs(adata, keys, names, digest)
    if keys.prior not in adata.varm:
        msg = (
            f"adata has no genes of programs under {keys.prior!r}; call crystallin.tl.activity(adata, model) for a "
            "query, or crystallin.pp.add_programs."
        )
        raise KeyError(msg)


def check_activity(adata: Any, keys: Keys, kind: str = UNIQUE) -> None:
    """Raise unless activities were written under ``keys``, in the reading ``kind``."""
    check_choice(kind, "kind", KINDS)
    check_table(adata, keys)
    if keys.activity not in adata.obsm or keys.sd not in adata.obsm:
        msg = (
            f"adata has no activities under {keys.activity!r}; call crystallin.tl.activity(adata, model) first, or "
            f"pass the key under which they were added. Their standard deviations are needed as well ({keys.sd!r})."
        )
        raise KeyError(msg)
    check_reading(adata, keys, kind)


def check_reading(adata: Any, keys: Keys, kind: str) -> None:
    """Raise unless both slots of a reading are there, that of free programs included."""
    mean, sd = keys.of_kind(kind)
    if mean not in adata.obsm or sd not in adata.obsm:
        msg = (
            f"adata has no {kind} activities under {mean!r} and {sd!r}, because its activities were written by an "
            "earlier version or one of the two was removed; call crystallin.tl.activity(adata, model, "
            f"key_added={keys.prefix!r}) again."
        )
        raise KeyError(msg)


def check_fresh(adata: Any, keys: Keys, digest: str, kind: str = UNIQUE) -> None:
    """Raise unless the activities under ``keys``, in the reading ``kind``, are those of the model as it is now."""
    check_activity(adata, keys, kind)
    stored = adata.uns[keys.uns].get(ACTIVITY_PARAMS, {}).get("digest")
    if stored != digest:
        msg = (
            f"The activities under {keys.activity!r} are not those of this model: it was trained further since they "
            "were written, or they come from another model, or from an ensemble. Call crystallin.tl.activity(adata, "
            f"model, key_added={keys.prefix!r}) again, or give what wrote them."
        )
        raise ValueError(msg)


def check_loadings(adata: Any, keys: Keys) -> None:
    """Raise unless loadings, and the prior they belong to, were written under ``keys``."""
    check_table(adata, keys)
    stored = adata.uns[keys.uns]
    if keys.loadings not in adata.varm and "query" in str(stored.get(PARAMS, {}).get("origin", "")):
        msg = (
            f"adata has no loadings under {keys.loadings!r}: its cells are a query, and loadings belong to the model "
            "that they were mapped with. model.get_loadings() returns them; draw them with the data that the model was "
            "trained on. If adata has all genes of the model in the same order, "
            f"crystallin.tl.loadings(adata, model, key_added={keys.prefix!r}) writes them."
        )
        raise KeyError(msg)
    if keys.loadings not in adata.varm or keys.prior not in adata.varm:
        msg = (
            f"adata has no loadings under {keys.loadings!r} with a prior under {keys.prior!r}; call "
            "crystallin.tl.loadings(adata, model) on the data that crystallin.pp.add_programs was called on."
        )
        raise KeyError(msg)
    of_activity, of_loadings = (stored.get(name, {}).get("digest") for name in (ACTIVITY_PARAMS, LOADINGS_PARAMS))
    if of_activity and of_loadings and of_activity != of_loadings:
        warnings.warn(
            f"The loadings under {keys.loadings!r} were computed with another model, or another state of it, than the "
            "activities. Call crystallin.tl.activity and crystallin.tl.loadings with the same model.",
            UserWarning,
            stacklevel=frames_to_caller(),
        )


def check_program(wanted: Any, known: Sequence[str], argument: str = "program") -> str:
    """Return the name of a single program, raising unless it is one known name."""
    if not isinstance(wanted, str):
        msg = f"{argument}={wanted!r} must be the name of one program, not {type(wanted).__name__}."
        raise TypeError(msg)
    return check_program_names(wanted, known)[0]


def check_program_names(
    wanted: str | Iterable[str], known: Sequence[str], argument: str = "programs", *, short: Iterable[str] = ()
) -> list[str]:
    """Return ``wanted`` as a list of strings, raising if it is empty or a name is not that of a program.

    ``short`` are further names by which some of the programs are known.
    """
    if not isinstance(wanted, str | Iterable):
        msg = f"{argument}={wanted!r} must be the names of programs, not {type(wanted).__name__}."
        raise TypeError(msg)
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    if not wanted:
        msg = f"{argument} is empty; name programs, or leave it out to use all."
        raise ValueError(msg)
    accepted = dict.fromkeys([*known, *short])
    for name in wanted:
        if not isinstance(name, str) or name not in accepted:
            hint = did_you_mean(name, accepted, n=MAX_NAMED) or f" There are {some(known)}."
            msg = f"{name!r} is not one of the {len(known)} programs.{hint}"
            raise KeyError(msg)
    return [str(name) for name in wanted]


def check_genes(wanted: str | Iterable[str], known: Collection[str], *, may_be_empty: bool = False) -> list[str]:
    """Return ``wanted`` as a list, raising if it is empty or a name is not that of a gene of the model."""
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
    """Raise unless the data have the model's genes in the model's order."""
    if len(var_names) == len(genes) and (var_names.to_numpy(dtype=str) == genes).all():
        return
    missing = np.setdiff1d(genes, var_names.to_numpy(dtype=str))
    if not len(missing) and len(var_names) == len(genes):
        problem = "has the model's genes in another order"
    elif not len(missing):
        problem = f"has {len(var_names) - len(genes)} genes that the model does not know"
    else:
        problem = f"lacks {len(missing)} of the model's {len(genes)} genes, e.g. {some(missing)}"
    remedy = "ProgramVAE.prepare_query_anndata(adata, model) puts genes into the model's order and drops the others."
    if len(missing):
        remedy += (
            " It fills missing genes with zeros, as if they were not expressed; the activities of programs that have "
            "most of their weight on these genes are then NaN. If you need them, train a model on the genes that both "
            "data sets have."
        )
    msg = f"adata {problem}. {remedy}"
    raise ValueError(msg)
