"""What a model says about itself: in a line, and of its programs and genes when it is exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._checks._words import did_you_mean
from crystallin._keys import AWAKE, PARAMS, PRIOR_DIGEST
from crystallin.programs import read_gene_sets

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.programs import Prior

# parts of the summary of the training that are whole numbers
COUNTS = ("n_obs", "n_vars", "epochs", "posterior_epochs", "seed")
# stands for all programs that are not named
ALL_SETS = "*"


class DescribedMixin:
    """The model in a line."""

    _prior: Prior
    is_trained_: bool

    def __repr__(self) -> str:
        # scvi-tools prints a model instead of returning its description
        cells = "cells that it does not hold" if self.adata is None else f"{self.adata.n_obs:,} cells"
        return f"{self.described()}; {f'trained on {cells}' if self.is_trained_ else f'not trained yet, {cells}'}"

    def described(self) -> str:
        """Return how many programs and genes the model has, and how many of the programs are awake, if that is known.

        Examples
        --------
        >>> model.described()  # doctest: +SKIP
        'ProgramVAE with 50 programs (31 awake) and 2 free programs on 2,744 genes'
        """
        prior = self._prior
        parts = [f"{int(prior.is_decoy.sum())} decoys"] if prior.is_decoy.any() else []
        if prior.table is not None and AWAKE in prior.table:
            parts.insert(0, f"{int(np.sum(np.asarray(prior.table[AWAKE], dtype=bool)))} awake")
        note = f" ({', '.join(parts)})" if parts else ""
        n_free = self.module.decoder.n_free
        free = f" and {'' if self.is_trained_ else 'up to '}{n_free} free programs" if n_free else ""
        return f"ProgramVAE with {prior.n_programs} programs{note}{free} on {prior.n_genes:,} genes"


def check_summary(training: Any) -> None:
    """Raise an error unless this is a summary of a training, as ``model.training_summary_`` holds it."""
    batches = training["batches"]
    valid = (
        all(type(training[name]) is int for name in COUNTS)
        and isinstance(training["origin"], str)
        and all(isinstance(name, str) and type(n) in (int, float) for name, n in training["metrics"].items())
        and (batches is None or _are_batches(**batches))
    )
    if not valid:
        msg = "the summary of the training has other entries than numbers and names"
        raise ValueError(msg)


def _are_batches(key: Any, names: Any) -> bool:
    return isinstance(key, str) and isinstance(names, list) and all(isinstance(name, str) for name in names)


def check_licences(
    given: str | Mapping[str, str] | None, prior: Prior, before: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the notes on licences by program, including those given earlier."""
    notes = {ALL_SETS: given} if isinstance(given, str) else given or {}
    if not isinstance(notes, Mapping):
        msg = f"set_licences is a {type(notes).__name__}; give a text for all sets, or a dict from program to text."
        raise TypeError(msg)
    real = prior.programs[~prior.is_decoy].tolist()
    for name, note in notes.items():
        if name != ALL_SETS and name not in real:
            msg = f"set_licences names {name!r}, which is not a program of the model.{did_you_mean(name, real)}"
            raise ValueError(msg)
        if not isinstance(note, str):
            msg = f"set_licences[{name!r}] is a {type(note).__name__}; give a text."
            raise TypeError(msg)
    return {**(before or {}), **dict.fromkeys(real if ALL_SETS in notes else [], notes.get(ALL_SETS, ""))} | {
        str(name): note for name, note in notes.items() if name != ALL_SETS
    }


def check_gene_ids(given: Any, genes: np.ndarray, adata: AnnData | None) -> np.ndarray:
    """Return one identifier for each gene, empty for those without."""
    if isinstance(given, str):
        if adata is None:
            msg = f"gene_ids={given!r} names a column, but the model has no data. Give a dict from gene to identifier."
            raise ValueError(msg)
        checks.check_key(given, adata.var, "gene_ids", "model.adata.var")
        given = adata.var[given]
    if isinstance(given, Mapping):
        given = pd.Series(dict(given), dtype=object)
    elif not isinstance(given, pd.Series) and np.iterable(given):
        # as objects, because NaN among text would become the text "nan"
        given = np.array(list(given), dtype=object)
    values = checks.check_aligned(given, genes, "gene_ids", "gene")
    if values.ndim != 1:
        msg = f"gene_ids has shape {values.shape}; give one identifier for each of the {len(genes)} genes."
        raise ValueError(msg)
    ids = np.array(["" if pd.isna(value) else str(value).strip() for value in values], dtype=str)
    named = pd.Index(ids[ids != ""])
    if named.empty:
        msg = "gene_ids are empty for all genes. Give an identifier for each gene that has one."
        raise ValueError(msg)
    repeated = named[named.duplicated()].unique()
    if len(repeated):
        msg = (
            f"gene_ids: {len(repeated)} identifier(s) stand for several genes, e.g. {checks.some(repeated)}. Give each "
            'gene its own, or "" for none.'
        )
        raise ValueError(msg)
    return ids


def origin_of(adata: AnnData | None, key: str, prior: Prior) -> str:
    """Return where the programs come from, if the data say so."""
    params = {} if adata is None else adata.uns.get(key, {}).get(PARAMS, {})
    return str(params.get("origin", "")) if params.get(PRIOR_DIGEST) == prior.digest else ""


def describe_programs(prior: Prior, origin: str, notes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return for each program its size, source, reference and licence."""
    built_in = read_gene_sets("immune")
    table = {} if prior.table is None else prior.table
    sizes = np.bincount(prior.program, minlength=prior.n_programs)
    described = []
    for place, name in enumerate(prior.programs.tolist()):
        known = {key: str(table[key][place]) for key in ("category", "parent", "reference", "doi") if key in table}
        program = dict.fromkeys(("category", "parent", "reference", "doi"), "") | known
        is_ours = name in built_in.meta.index and program["doi"] == built_in.meta.loc[name, "doi"] != ""
        default = (
            f"Part of the {built_in.origin} (BSD-3-Clause), which cites the reference as the source" if is_ours else ""
        )
        described.append(
            {
                "name": name,
                "decoy": bool(prior.is_decoy[place]),
                "n_genes": int(sizes[place]),
                "source": built_in.origin if is_ours else origin,
                **program,
                "licence": notes.get(name, default),
            }
        )
    return described
