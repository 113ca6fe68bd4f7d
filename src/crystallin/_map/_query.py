"""The private AnnData of a query: counts of the model's genes, found by symbol or identifier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from anndata import AnnData

from crystallin import _checks as checks
from crystallin._keys import MIN_MEASURED
from crystallin.programs import ENSEMBL, likely_cause, without_version

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE

# fewer genes than that say next to nothing about most programs
MIN_GENES = 10
# nor can cells be compared by fewer programs
MIN_PROGRAMS = 2


def private_query(
    counts: Any, places: np.ndarray, obs: pd.DataFrame, genes: np.ndarray, columns: Iterable[str]
) -> AnnData:
    """Return an AnnData of some genes.

    Parameters
    ----------
    counts
        Cells x genes of the query.
    places
        Position in the query of each of ``genes``.
    obs
        Table of the cells.
    genes
        Names of the genes in the model.
    columns
        Columns of ``obs`` to keep.
    """
    return AnnData(
        checks.canonical_csr(counts[:, places]),
        obs=obs[list(dict.fromkeys(columns))].copy(),
        var=pd.DataFrame(index=pd.Index(genes.astype(str))),
    )


def query_of(
    adata: AnnData, reference: ProgramVAE, places: np.ndarray, layer: str | None, batch_key: str | None
) -> AnnData:
    """Return the private AnnData of the query; raise if cells have no counts of the model's genes."""
    counts = adata.X if layer is None else adata.layers[layer]
    columns = [*columns_of(reference), *([] if batch_key is None else [batch_key])]
    query = private_query(counts, places[places >= 0], adata.obs, reference.genes[places >= 0], columns)
    if layer is not None:
        # where tools that are given the user's data will look for counts
        query.layers[layer] = query.X
    empty = np.flatnonzero(np.asarray(query.X.sum(axis=1)).ravel() == 0)
    if len(empty):
        msg = (
            f"{len(empty)} cell(s) have no counts of the {query.n_vars} genes that the model and adata share: "
            f"{checks.some(adata.obs_names[empty], 3)}. Leave them out, or map data with more genes."
        )
        raise ValueError(msg)
    return query


def check_readable(adata: AnnData, layer: str | None) -> None:
    """Raise unless ``adata`` holds raw counts in memory."""
    counts = adata.X if layer is None else adata.layers[layer]
    if counts is None or not checks.is_in_memory(counts):
        where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
        msg = f"{where} does not hold counts in memory. Give adata.to_memory(), or a layer with counts."
        raise ValueError(msg)
    checks.check_counts(adata, layer, warn=False)


def check_measured(mapped: ProgramVAE) -> None:
    """Raise if next to no program can be read from the genes of a query."""
    known = int((mapped.measured_weight >= MIN_MEASURED).sum())
    if known < MIN_PROGRAMS:
        msg = (
            f"adata has {len(mapped.genes)} genes of the model, on which {known} of the {len(mapped.measured_weight)} "
            f"programs have at least half of their weight; {MIN_PROGRAMS} are needed. Use data with more of its genes."
        )
        raise ValueError(msg)


def columns_of(model: ProgramVAE) -> list[str]:
    """Return the columns of covariates and size factors that the model was trained with."""
    setup = model.registry["setup_args"]
    size_factor = [] if setup.get("size_factor_key") is None else [setup["size_factor_key"]]
    listed = ("categorical_covariate_keys", "continuous_covariate_keys")
    return [*size_factor, *(key for name in listed for key in setup.get(name) or [])]


def places_of_genes(adata: AnnData, model: ProgramVAE, gene_symbols: str | None) -> np.ndarray:
    """Return the position in ``adata`` of each gene of the model; -1 for genes that it lacks.

    Raises
    ------
    KeyError
        If ``gene_symbols`` is not a column of ``var``.
    ValueError
        If hardly any gene is found, with the likely cause; or a gene is there more than once.
    """
    checks.check_key(gene_symbols, adata.var, "gene_symbols", "adata.var")
    given = adata.var_names if gene_symbols is None else adata.var[gene_symbols].fillna("")
    names = without_version(given)
    genes = _names_as_in(names, model)
    found = pd.Index(names)
    repeated = found[found.duplicated(keep=False) & found.isin(genes)].unique()
    if len(repeated):
        where = "adata.var_names" if gene_symbols is None else f"adata.var[{gene_symbols!r}]"
        msg = (
            f"{len(repeated)} gene(s) of the model are in {where} more than once"
            f"{' (version suffixes of Ensembl ids left out)' if ENSEMBL.match(repeated[0]) else ''}: "
            f"{checks.some(repeated, 3)}. Keep one of each, or add up their counts, before mapping."
        )
        raise ValueError(msg)
    places = np.full(len(genes), -1)
    named = genes != ""
    places[named] = found.drop_duplicates().get_indexer(genes[named])
    if found.has_duplicates:
        first = np.flatnonzero(~found.duplicated())
        places = np.where(places >= 0, first[places], -1)
    _check_enough(places, names, genes)
    return places


def _names_as_in(names: np.ndarray, model: ProgramVAE) -> np.ndarray:
    """Return the names of the model's genes in the form that the query uses: symbols, or Ensembl ids."""
    genes, ids = model.genes, model.gene_ids_
    if not _mostly_ensembl(names) or _mostly_ensembl(genes):
        return without_version(genes)
    if ids is None:
        msg = (
            f"The genes of adata are Ensembl ids ({checks.some(names, 2)}) and those of the model are symbols "
            f"({checks.some(genes, 2)}), and the model was saved without ids. Pass gene_symbols=, the column of "
            "adata.var that holds symbols."
        )
        raise ValueError(msg)
    return without_version(ids)


def _mostly_ensembl(names: np.ndarray) -> bool:
    return bool(np.mean([ENSEMBL.match(name) is not None for name in names]) > 0.5)


def _check_enough(places: np.ndarray, names: np.ndarray, genes: np.ndarray) -> None:
    n_found = int((places >= 0).sum())
    wanted = [str(gene) for gene in genes if gene]
    cause = likely_cause(wanted, names.tolist()) if n_found < 0.5 * len(genes) else ""
    if n_found >= MIN_GENES and not cause:
        return
    advice = "Check that species and type of identifier are the same."
    msg = (
        f"adata has {n_found} of the model's {len(genes)} genes. Genes of the model are {checks.some(wanted, 3)}, and "
        f"those of adata are {checks.some(names, 3)}. {cause or advice}"
    )
    raise ValueError(msg)
