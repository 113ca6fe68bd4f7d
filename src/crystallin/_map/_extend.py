"""Further programs for a query, beside those of a trained reference."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin import tl
from crystallin._keys import ADDED, PARAMS, TABLE, Keys, given
from crystallin._rollback import unchanged_on_error
from crystallin.pp._joined import joined_table
from crystallin.pp._reading import gene_names
from crystallin.programs import GeneSets, align, make_prior, read_gene_sets
from crystallin.tl._shared import on_all_genes, with_measured

from ._query import check_readable, places_of_genes, query_of

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)


def extend(
    adata: AnnData,
    model: ProgramVAE,
    programs: str | Path | Mapping[str, Iterable[str] | Mapping[str, float]] | pd.DataFrame | None = None,
    *,
    n_unannotated: int | Literal["auto"] = 0,
    batch_key: str | None = None,
    layer: str | None = None,
    gene_symbols: str | None = None,
    min_genes: int = 5,
    max_genes: int | None = 500,
    key_added: str = "extended",
    random_state: int = 0,
    **train_kwargs: Any,
) -> ProgramVAE:
    """Train further programs on a query, beside the programs of a reference, which stay exactly as they are.

    Use this if a query contains biology that the reference has no programs for. Only the loadings of the new programs
    (with the encoder's estimate of their activities) and the intercepts of batches that the reference does not have are
    trained. Loadings of the reference's programs, dispersions and all other parameters of the reference are the same to
    the bit before and after, so activities of the reference's programs can be compared with those of other queries.
    They change as far as the new programs explain counts that were explained by the reference's programs before.

    Shifts of intercepts are kept orthogonal to the reference's programs: if the query has more of such a program than
    the reference, its activities show it. New programs have no other cells to be compared with, so their activities are
    relative to the average of each new batch.

    Parameters
    ----------
    adata
        The query with raw counts. Its genes may be in any order; genes that the reference does not have are not used,
        and those that the query lacks are left out of the model. Cells need counts in memory.
    model
        A trained reference, which is not changed.
    programs
        Gene sets to add, in any form that :func:`crystallin.pp.add_programs` accepts. Members that are not among the
        genes of both query and reference are left out. ``None`` adds free programs only.
    n_unannotated
        Number of free programs to add, for variation that no gene set explains, or ``"auto"``, see
        :class:`crystallin.ProgramVAE`. They start from what all other programs leave unexplained in the query, and are
        kept orthogonal to the new programs and to those of the reference that are awake.
    batch_key
        Column of ``adata.obs`` with batches. Batches with the name of one of the reference's batches have its
        intercepts. ``None`` takes the query as one new batch.
    layer
        Layer with raw counts; ``None`` uses ``X``.
    gene_symbols
        Column of ``adata.var`` with the names of the genes as ``programs`` writes them; ``None`` uses ``var_names``.
        The genes of the reference are found in ``var_names`` or, if hardly any is there, in this column.
    min_genes, max_genes
        Smallest and largest number of a new program's genes that query and reference have.
    key_added
        Key of the programs of the extended model, which is the prefix of all their slots; pass it as ``key`` to the
        tools and figures that are to read them.
    random_state
        Seed of the training.
    **train_kwargs
        Arguments of :meth:`crystallin.ProgramVAE.train`, for example ``accelerator``. With both programs and free
        programs there are two trainings, because free programs start when the others have been trained.

    Returns
    -------
    A new :class:`~crystallin.ProgramVAE` of the genes that query and reference share, with the reference's programs,
    then the new ones. Its data are a copy of the query with these genes. It cannot be trained further, but it can be
    extended again. Sets, for these programs, the slots of :func:`crystallin.pp.add_programs`,
    :func:`crystallin.tl.activity` and :func:`crystallin.tl.loadings` under ``key_added``, with zeros for genes that
    are not in the model, and:

    ``adata.uns[key_added]["table"]`` : column ``of_reference``
        Whether a program is one of the reference's. Sizes and coverage refer to the genes of the model. If programs of
        the reference were screened, new ones count as awake.
    ``adata.uns[key_added]["table"]`` : column ``measured``
        Share of each program's weight on genes that the query has. Below one half, activities are NaN.

    Raises
    ------
    KeyError, TypeError, ValueError
        Before training: if there is nothing to add, the reference has a program of the same name, query and reference
        share no genes, the model is not one that can be extended, a column or layer does not exist, the matrix does not
        hold raw counts, or for the reasons of :func:`crystallin.pp.add_programs` and
        :meth:`crystallin.ProgramVAE.train`. ``adata`` is then left unchanged.
    RuntimeError
        If the reference is not trained.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.simulate(600, 300, n_programs=8, n_decoys=0, depth=1_000)
    >>> sets = dict(iter(adata.uns["simulation"]["annotation"].groupby("source")["target"].agg(list).items()))
    >>> new = {"program_008": sets.pop("program_008")}
    >>> reference, query = adata[:300].copy(), adata[300:].copy()
    >>> model = cr.fit(reference, sets, max_epochs=20)
    >>> extended = cr.extend(query, model, new)
    >>> cr.get.activity(query, key="extended").shape[1]
    8
    """
    # here, not above: torch and scvi-tools take seconds to import
    from crystallin.model import ProgramVAE, check_free, check_train_arguments
    from crystallin.model._extended import NewPrograms, extended_model

    checks.check_adata(adata)
    checks.check_programs_key(adata, key_added)
    check_free(n_unannotated)
    checks.check_int(random_state, "random_state", 0)
    checks.check_sizes(min_genes, max_genes)
    checks.check_key(gene_symbols, adata.var, "gene_symbols", "adata.var")
    checks.check_key(batch_key, adata.obs, "batch_key")
    checks.check_layer(adata, layer)
    _check_reference(model)
    check_train_arguments(adata, **train_kwargs)
    _check_possible(train_kwargs)
    sets = _sets_to_add(programs, n_unannotated, model)
    check_readable(adata, layer)
    places = _places(adata, model, gene_symbols)
    genes = np.flatnonzero(places >= 0)
    symbols = gene_names(adata[:, places[genes]], gene_symbols)
    query = query_of(adata, model, places, layer, batch_key)
    aligned = None if sets is None else align(sets, symbols, min_genes=min_genes, max_genes=max_genes)
    table = joined_table(model, genes, aligned)
    new = None
    if aligned is not None:
        kept = table.loc[table["kept"].astype(bool)]
        prior = make_prior(aligned.matrix, query.var_names, aligned.names)
        new = NewPrograms(prior, kept.drop(columns=["name", "kept", "reason", "decoy"]))
    options = {"n_unannotated": n_unannotated, "batch_key": batch_key, "random_state": random_state}
    logger.info("Training further programs on %d cells x %d genes.", *query.shape)
    with ProgramVAE._forgotten_on_error():
        extended = extended_model(model, query, genes, programs=new, train_kwargs=train_kwargs, **options)
        params = {
            **options,
            "origin": "free programs only" if sets is None else sets.origin,
            "gene_symbols": gene_symbols,
            "min_genes": min_genes,
            "max_genes": max_genes,
            "reference_digest": model.digest,
        }
        with unchanged_on_error(adata):
            _write(adata, extended, places[genes], Keys(key_added), table, params)
    return extended


def _check_reference(model: Any) -> None:
    """Raise unless this is a trained model of its own programs."""
    from crystallin.model import ProgramVAE

    if getattr(model, "refits", ()):
        msg = "model is an ensemble, of which a single fit can be extended. Give its first fit, ensemble.model."
        raise ValueError(msg)
    if not isinstance(model, ProgramVAE):
        msg = f"model is a {type(model).__name__}; give the trained ProgramVAE of the reference."
        raise TypeError(msg)
    if not model.is_trained_:
        msg = "model is not trained. Train the reference first: model.train()."
        raise RuntimeError(msg)


def _check_possible(train_kwargs: Mapping[str, Any]) -> None:
    """Raise on arguments of the training that do not suit an extension."""
    for name, why in (
        ("datamodule", "programs are trained on the cells of adata"),
        ("checkpoint", "an extension cannot go on from a file"),
    ):
        if train_kwargs.get(name) is not None:
            msg = f"extend does not take {name}, because {why}. Leave it out."
            raise ValueError(msg)


def _sets_to_add(programs: Any, n_unannotated: int | str, model: ProgramVAE) -> GeneSets | None:
    """Return the gene sets to add, raising if there is nothing to add or the reference has such a program."""
    if programs is None:
        if not n_unannotated:
            msg = 'There is nothing to add: give programs, n_unannotated (a number or "auto"), or both.'
            raise ValueError(msg)
        return None
    sets = read_gene_sets(programs)
    there = [name for name in sets.edges["source"].unique().tolist() if name in set(model.program_names)]
    if there:
        msg = (
            f"The reference has {len(there)} of the programs already: {checks.some(there)}. Its programs stay as they "
            "are; leave these out, or give them other names to train them beside those of the reference."
        )
        raise ValueError(msg)
    return sets


def _places(adata: AnnData, model: ProgramVAE, gene_symbols: str | None) -> np.ndarray:
    """Return the position in ``adata`` of each gene of the reference, whose names may be those of the programs."""
    try:
        return places_of_genes(adata, model, None)
    except ValueError:
        if gene_symbols is None:
            raise
        return places_of_genes(adata, model, gene_symbols)


def _write(
    adata: AnnData, model: ProgramVAE, rows: np.ndarray, keys: Keys, table: pd.DataFrame, params: Mapping[str, Any]
) -> None:
    """Write programs, activities and loadings of the model into the query, whose ``rows`` of ``var`` are its genes."""
    own = model.adata
    tl.activity(own, model, key_added=keys.prefix)
    tl.loadings(own, model, key_added=keys.prefix)
    before = adata.uns.get(keys.uns, {}).get(PARAMS, {})
    for mapping, slots in ((adata.obsm, keys.of_cells), (adata.varm, {keys.added} | keys.of_genes)):
        # of earlier programs
        for slot in slots & set(mapping):
            del mapping[slot]
    for slot in keys.of_cells & set(own.obsm):
        adata.obsm[slot] = own.obsm[slot]
    for slot in ({keys.prior, keys.added} | keys.of_genes) & set(own.varm):
        adata.varm[slot] = on_all_genes(own.varm[slot], rows, adata.n_vars)
    entry = own.uns[keys.uns]
    table = with_measured(table, model.measured_weight)
    about = {
        "n_vars": adata.n_vars,
        "var_names_hash": checks.hash_names(adata.var_names),
        # by this number, results of earlier programs under the same key are recognised
        ADDED: int(before.get(ADDED, 0)) + 1,
    }
    adata.uns[keys.uns] = {**entry, TABLE: table, PARAMS: entry[PARAMS] | given(params) | about}
