"""Program activities, written into AnnData."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import (
    ACTIVITY_PARAMS,
    ADDED,
    DEFAULT_KEY,
    FREE,
    NAMES,
    OF_MODEL,
    PARAMS,
    PRIOR_DIGEST,
    REFINE,
    RESAMPLE,
    TABLE,
    TOTAL,
    UNIQUE,
    Keys,
)
from crystallin._store import Rows, activity_arrays, store_of, update_store

from ._shared import add_to_table, free_programs, on_model_genes, stability

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)

# columns of the table of programs for an ensemble, by reading
STABILITIES = {"stability": UNIQUE, "total_stability": TOTAL}


@on_model_genes
def activity(
    adata: AnnData,
    model: ProgramVAE,
    *,
    refine: bool = True,
    batch_size: int | None = None,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Write each cell's program activities, in two readings, and their uncertainty.

    The *unique* activity says what a program explains beside all other programs. It is the posterior mean of the
    program's latent variable (under the Laplace approximation, which is the posterior mode). The *total* activity says
    what the genes of the program do, whichever programs explain it (see :meth:`crystallin.ProgramVAE.get_activity`).
    Both are in units of the prior standard deviation, and the average cell has an activity of 0. If the counts of a
    cell contain no information about a program, its unique activity stays at 0 and the standard deviation near 1.

    Parameters
    ----------
    adata
        The data the model was trained on, or other data with its genes; further genes are left out.
    model
        A trained model.
    refine
        ``True`` computes the mode and covariance of the exact posterior, by Newton steps that start at the encoder's
        estimate (see :meth:`crystallin.ProgramVAE.get_activity`). ``False`` uses the encoder's approximation.
    batch_size
        Number of cells per minibatch; ``None`` chooses it.
    key_added
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.obsm["X_" + key_added]`` : :class:`numpy.ndarray`, float32, cells x programs
        Posterior means. The columns are in the order of ``adata.uns[key_added]["names"]`` and include decoys.
    ``adata.obsm[key_added + "_sd"]`` : :class:`numpy.ndarray`, float32, cells x programs
        Posterior standard deviations.
    ``adata.obsm["X_" + key_added + "_total"]``, ``adata.obsm[key_added + "_total_sd"]``
        The same for the total activities.
    ``adata.obsm["X_" + key_added + "_refits"]``, ``adata.obsm["X_" + key_added + "_total_refits"]``
        Only for a :class:`~crystallin.ProgramEnsemble`: posterior means by each refit, float32, cells x refits x
        programs. The standard deviations above then contain the differences between fits.
    ``adata.uns[key_added]["table"]`` : columns ``stability`` and ``total_stability``
        Only for an ensemble: mean correlation over cells between the activities of the first fit and of each refit.
    ``adata.obsm["X_" + key_added + "_free"]``, ``adata.obsm[key_added + "_free_sd"]``, ``adata.uns[key_added]["free"]``
        The same for free programs, if the model has any, and a table of them: ``name``; ``genes``, the most typical
        ones, with a minus if they fall when the activity rises; ``n_genes``; ``hint``, the sleeping program (see
        :func:`crystallin.pp.screen_programs`) whose genes are most enriched among them, and ``hint_q``.
    ``adata.uns[key_added]["activity_params"]`` : dict
        How the activities were computed, and the hash of the model's weights.
    ``adata.varm[key_added]``, ``adata.uns[key_added]["names"]``, ``["table"]``, ``["params"]``
        The model's programs and their table (and ``adata.varm[key_added + "_added"]``, which members
        :func:`crystallin.complete` added), only if ``adata`` had no programs of its own (a query).

    The arrays of cells are written into the file if the data were opened by :func:`crystallin.open_store`, about 8,000
    cells at a time, and the file is then updated (see :func:`crystallin.update_store`).

    If these activities replace those of another model, or of the same model before further training, the columns that
    tools have added to the table of programs (leakage, importance and others) are removed.

    Raises
    ------
    ValueError
        If the genes differ from the model's, ``adata`` holds programs other than the model's under ``key_added``, or
        the slots of this key hold something other than programs.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> cr.pp.add_programs(adata, "immune")
    >>> cr.ProgramVAE.setup_anndata(adata, layer="counts")
    >>> model = cr.ProgramVAE(adata)
    >>> model.train(max_epochs=5)
    >>> cr.tl.activity(adata, model)
    >>> adata.obsm["X_programs"].shape[0]
    700
    """
    keys = Keys(key_added)
    checks.check_adata(adata, copy=copy)
    checks.check_programs_key(adata, key_added)
    names = model.program_names
    if keys.uns in adata.uns:
        checks.check_same_programs(adata, keys, names, model.prior_digest)
    arrays = _written(adata, model, keys, refine=refine, batch_size=batch_size)
    digest = model.digest

    table_of_free = free_programs(adata, model) if FREE in model.kinds else None
    adata = adata.copy() if copy else adata
    if keys.uns not in adata.uns:
        adata.uns[keys.uns] = _programs_of(model, adata)
        adata.varm[keys.prior] = model.prior
        if model.added_members.nnz:
            adata.varm[keys.added] = model.added_members
    params = {REFINE: refine, "model": type(model).__name__, "digest": digest}
    if model.refits:
        params |= {RESAMPLE: model.resample}
    table = _without_what_others_said(adata.uns[keys.uns], params)
    for slot in keys.of_cells - set(arrays):
        # of an earlier model
        adata.obsm.pop(slot, None)
    for slot, written in arrays.items():
        adata.obsm[slot] = written
    # a new dictionary: another AnnData may share the old one
    entry = {name: value for name, value in adata.uns[keys.uns].items() if name != FREE}
    entry |= {TABLE: table, ACTIVITY_PARAMS: params}
    adata.uns[keys.uns] = entry if table_of_free is None else {**entry, FREE: table_of_free}
    if model.refits:
        columns = {name: stability(*_fits(arrays, keys, kind)) for name, kind in STABILITIES.items()}
        add_to_table(adata, keys, pd.DataFrame(columns, index=names))
    if store_of(adata) is not None:
        # the file would hold activities of this model and the parameters of another one
        update_store(adata)
    return adata if copy else None


def _written(adata: AnnData, model: ProgramVAE, keys: Keys, **options: Any) -> dict[str, Any]:
    """Return activities by slot of ``obsm``, in memory or, for data in a store, on disk."""
    stored, columns, n_refits = store_of(adata), {}, len(model.refits)
    for kind in model.kinds:
        n_columns = len(model.names_of(kind))
        columns |= dict.fromkeys(keys.of_kind(kind), (n_columns,))
        if n_refits:
            columns[keys.of_refits(kind)] = (n_refits, n_columns)
    if stored is not None:
        with activity_arrays(stored, columns) as arrays:
            _fill(arrays, adata, model, keys, options)
        return arrays
    arrays = {slot: np.empty((adata.n_obs, *of_row), dtype=np.float32) for slot, of_row in columns.items()}
    _fill(arrays, adata, model, keys, options)
    return arrays


def _fill(arrays: Mapping[str, Any], adata: AnnData, model: ProgramVAE, keys: Keys, options: Mapping[str, Any]) -> None:
    out = {kind: tuple(arrays[slot] for slot in keys.of_kind(kind)) for kind in model.kinds}
    refits = {}
    if model.refits:
        refits["out_refits"] = {kind: arrays[keys.of_refits(kind)] for kind in model.kinds}
    model.get_activities(adata, out=out, **refits, **options)


def _fits(arrays: Mapping[str, Any], keys: Keys, kind: str) -> tuple[Rows, Rows]:
    """Return the means of the first fit and of the refits."""
    return Rows(arrays[keys.of_kind(kind)[0]], 0.0), Rows(arrays[keys.of_refits(kind)], 0.0)


def _programs_of(model: ProgramVAE, adata: AnnData) -> dict[str, Any]:
    """Return names, table and origin of the model's programs, for data without programs."""
    table = model.programs_table
    if table is None:
        table = pd.DataFrame({"name": model.program_names, "kept": True, "decoy": model.is_decoy})
    params = {
        "origin": "the model (these cells are a query)",
        PRIOR_DIGEST: model.prior_digest,
        ADDED: 0,
        "n_vars": adata.n_vars,
        "var_names_hash": checks.hash_names(adata.var_names),
        "crystallin": version("crystallin"),
    }
    return {NAMES: model.program_names, TABLE: table, PARAMS: params}


def _without_what_others_said(entry: dict[str, Any], params: dict[str, Any]) -> pd.DataFrame:
    """Return the table of programs without columns that describe the activities of another model or type."""
    before, table = entry.get(ACTIVITY_PARAMS, {}), entry[TABLE]
    columns = [name for name in OF_MODEL if name in table]
    if columns and any(before.get(name, params[name]) != params[name] for name in ("digest", REFINE)):
        logger.info(
            "Dropped %s from the table of programs: these columns belonged to activities of another model.",
            ", ".join(columns),
        )
        table = table.drop(columns=columns)
    return table
