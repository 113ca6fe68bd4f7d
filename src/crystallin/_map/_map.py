"""A trained model applied to other data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from anndata import AnnData

from crystallin import _checks as checks
from crystallin import tl
from crystallin._keys import DEFAULT_KEY, MAP, Keys
from crystallin._load import load
from crystallin._rollback import unchanged_on_error
from crystallin.tl._name import own_columns

from ._query import check_measured, check_readable, columns_of, places_of_genes, query_of
from ._reference import Reference
from ._scores import Placed, placed
from ._verdicts import verdicts
from ._write import Cellwise, write_activities, write_map

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)


def map(
    adata: AnnData,
    model: ProgramVAE | str | Path,
    *,
    batch_key: str | None = None,
    layer: str | None = None,
    gene_symbols: str | None = None,
    groupby: str | None = None,
    label_added: str | None = None,
    p_added: str | None = None,
    key_added: str = DEFAULT_KEY,
) -> ProgramVAE:
    """Apply a trained model to other data, without training.

    Genes of the model that the data lack are left out of the likelihood, so that standard deviations grow; they are
    not filled with zeros. New batches get their own intercepts from their counts. If the model was calibrated
    (:func:`crystallin.calibrate`), each cell gets the label of the reference that is nearest and p-values that say how
    unusual it is, and each group a verdict.

    Parameters
    ----------
    adata
        Raw counts of the query; genes may be in any order, and may be more or fewer than those of the model.
    model
        A trained model; or what :func:`crystallin.load` accepts, such as ``"pbmc"`` or the path of an exported model.
    batch_key
        Column of ``obs`` with batches. A batch that has the name of one of the reference's uses the intercepts of that
        one. ``None`` takes all cells as one new batch.
    layer
        Layer with raw counts; ``None`` uses ``X``.
    gene_symbols
        Column of ``var`` with the names of the genes; ``None`` uses ``var_names``. Names may be Ensembl ids, with or
        without version, if the model has ids.
    groupby
        Column of ``obs`` with the groups that get a verdict, such as clusters. ``None`` groups cells by their label.
    label_added, p_added
        Columns of ``obs`` to write the label and the p-value of each cell to; ``None`` writes none.
    key_added
        Key under which the programs are stored.

    Returns
    -------
    A :class:`~crystallin.ProgramVAE` of the query, with those of the model's genes that the query has. Every tool takes
    it together with ``adata`` if the genes have the same names. Sets the slots of :func:`crystallin.tl.activity`, and:

    ``adata.varm[key_added]``
        The programs on all genes of the query; 0 for genes that the model does not know.
    ``adata.uns[key_added]["table"]`` : column ``measured``
        Share of each program's weight (squared loadings times the information of a count) on genes that the query has.
        Below one half, the activities are NaN, and the column ``reason`` says so.
    ``adata.obsm[key_added + "_map"]`` : :class:`numpy.ndarray`, float32, cells x 5
        If the model was calibrated: label, its probability and p-values of each cell, see
        :func:`crystallin.get.map_cells_df`.
    ``adata.obsm["X_" + key_added + "_map"]`` : :class:`numpy.ndarray`, float32, cells x 2
        Coordinates in the plane that best tells the labels of the reference apart, for :func:`crystallin.pl.map`.
    ``adata.uns["map"]`` : dict
        Verdicts on groups (see :func:`crystallin.get.map_df`), labels, and the arguments. Under another ``key_added``
        than the default, the slot is ``key_added + "_map"``.

    Raises
    ------
    FileNotFoundError, ImportError, ConnectionError
        If there is no such model.
    KeyError, TypeError, ValueError
        If a column or layer is missing; if hardly any gene of the model is found (the message says why, for example
        that the data are of mice), or one is found more than once; if the matrix does not hold raw counts, or cells
        have no counts of the model's genes; or if the slots under ``key_added`` hold something else.

    If an error is raised, ``adata`` is left unchanged.

    Notes
    -----
    *Missing genes.* The model's rates are a softmax over genes, so the counts of some genes, given their sum, follow
    the softmax over these genes. *Totals* weight the activities as in the reference.

    *New batches.* At the activities of the cells, the shift of a gene's intercept is the log ratio of observed to
    expected counts, shrunk by empirical Bayes. The part that programs could bring about is removed from it, so that a
    difference in composition or state remains in the activities.

    *p-values* compare each cell with held-out cells of the reference (conformal prediction; Vovk et al. 2005): ``p``
    by both scores together, ``p_counts`` by the deviance of its counts given its activities, ``p_activity`` by the
    distance of its activities from the nearest label.

    *Verdicts* compare the mean of a group with the means of labels, see :doc:`/mapping`.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> model = cr.map(adata, "pbmc", layer="counts")  # doctest: +SKIP
    >>> cr.get.map_df(adata)  # doctest: +SKIP
    """
    keys = Keys(key_added)
    checks.check_adata(adata)
    checks.check_programs_key(adata, key_added)
    slot = checks.check_result_key(adata, None, keys, MAP)
    checks.check_layer(adata, layer)
    checks.check_categories(adata, batch_key, "batch_key")
    groups = None if groupby is None else checks.check_labels(adata, groupby, "groupby")
    columns = {name: column for name, column in (("label_added", label_added), ("p_added", p_added)) if column}
    checks.check_new_columns(adata, columns, set(own_columns(adata, slot)))
    reference = _resolved(model)
    for column in columns_of(reference):
        checks.check_key(column, adata.obs, "The model's covariate", optional=False)
    check_readable(adata, layer)
    places = places_of_genes(adata, reference, gene_symbols)

    from crystallin.model import mapped_model

    query = query_of(adata, reference, places, layer, batch_key)
    query, places = _without_silent(query, places, reference)
    mapped = mapped_model(reference, query, np.flatnonzero(places >= 0), batch_key, layer=layer)
    check_measured(mapped)
    tl.activity(query, mapped, key_added=key_added)
    cellwise, table = None, None
    if reference.reference_ is not None:
        about = Reference.from_dict(reference.reference_).on_genes(places >= 0)
        mapped.reference_ = about.to_dict()
        there = _place(mapped, about)
        cellwise = Cellwise.of(there, about)
        names, codes = (about.labels, cellwise.label) if groups is None else (groups.names, groups.codes)
        # decoys are not named as moved
        named = np.array([*np.where(mapped.is_decoy, "", mapped.program_names), *mapped.free_names])[there.dimensions]
        table = verdicts(about, there, *_occurring(names, codes), cellwise.p["p"], named)
    else:
        logger.warning("The model was not calibrated, so there are no labels and verdicts; see crystallin.calibrate.")
    with unchanged_on_error(adata):
        write_activities(adata, query, places, mapped.measured_weight, keys)
        if cellwise is not None and table is not None:
            params = {"groupby": groupby, "batch_key": batch_key, "layer": layer, "gene_symbols": gene_symbols}
            write_map(adata, cellwise, table, params, columns, keys, mapped.digest)
    return mapped


def _resolved(model: Any) -> ProgramVAE:
    """Return a trained model of the kind that can be mapped."""
    from crystallin.model import ProgramVAE

    if isinstance(model, str | Path):
        model = load(model)
    if not isinstance(model, ProgramVAE):
        several = " Give its first fit, ensemble.model." if hasattr(model, "fits") else ""
        msg = f"model is a {type(model).__name__}; give a ProgramVAE, or the name or path of an exported one.{several}"
        raise TypeError(msg)
    model._check_if_trained(warn=False)
    return model


def _without_silent(query: AnnData, places: np.ndarray, reference: ProgramVAE) -> tuple[AnnData, np.ndarray]:
    """Leave out genes that have no counts in any cell although many are expected: they were not measured."""
    from crystallin.model import measured

    there, totals = places >= 0, np.zeros(len(places))
    totals[there] = np.asarray(query.X.sum(axis=0)).ravel()
    kept = measured(reference.module, totals, there)
    return query[:, kept[there]].copy(), np.where(kept, places, -1)


def _place(mapped: ProgramVAE, about: Reference) -> Placed:
    from crystallin.model import cell_fit

    return placed(cell_fit(mapped, mapped.reading(), ratio=about.ratio), mapped, about)


def _occurring(names: Any, codes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the names of groups that have cells, and each cell's position among them."""
    there, codes = np.unique(codes, return_inverse=True)
    return [str(names[place]) for place in there], codes
