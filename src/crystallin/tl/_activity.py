"""Program activities into AnnData."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import (
    ACTIVITY_PARAMS,
    ADDED,
    DEFAULT_KEY,
    NAMES,
    OF_MODEL,
    PARAMS,
    PRIOR_DIGEST,
    REFINE,
    TABLE,
    Keys,
)

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)


def activity(
    adata: AnnData,
    model: ProgramVAE,
    *,
    refine: bool = True,
    batch_size: int | None = None,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Write each cell's program activities and their uncertainty.

    An activity is the posterior mean (of the Laplace approximation: the mode) of a program's latent variable, in units
    of its prior standard deviation: 0 is the average cell, and a program that the counts of a cell say nothing about
    stays at 0 with a standard deviation near 1.

    Parameters
    ----------
    adata
        The data the model was trained on, or others with the same genes in the same order.
    model
        A trained model.
    refine
        ``True``: mode and covariance of the exact posterior from Newton steps after the encoder, see
        :meth:`crystallin.ProgramVAE.get_activity`. ``False``: the encoder's approximation.
    batch_size
        Cells per minibatch.
    key_added
        Prefix of the slots; the one given to :func:`crystallin.pp.add_programs`.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    ``None``, or the copy if ``copy=True``. Sets:

    ``adata.obsm["X_" + key_added]`` : :class:`numpy.ndarray`, float32, cells x programs
        Posterior means; columns as in ``adata.uns[key_added]["names"]``, decoys included.
    ``adata.obsm[key_added + "_sd"]`` : :class:`numpy.ndarray`, float32, cells x programs
        Posterior standard deviations.
    ``adata.uns[key_added]["activity_params"]`` : dict
        How they were computed, and the hash of the model's weights.
    ``adata.varm[key_added]``, ``adata.uns[key_added]["names"]``, ``["table"]``, ``["params"]``
        The model's programs and what is known of them, only where ``adata`` had none of its own (a query).

    Where activities of another model, or of another state of it, are replaced, what tools have added to the table of
    programs since (leakage, importance and others) goes with them.

    Raises
    ------
    ValueError
        If the genes differ from the model's, ``adata`` holds programs other than the model's under ``key_added``, or
        the slots of this key hold something else.

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
    mean, sd = model.get_activity(adata, refine=refine, return_sd=True, batch_size=batch_size)
    digest = model.digest

    adata = adata.copy() if copy else adata
    if keys.uns not in adata.uns:
        adata.uns[keys.uns] = _programs_of(model, adata)
        adata.varm[keys.prior] = model.prior
    params = {REFINE: refine, "model": type(model).__name__, "digest": digest}
    table = _without_what_others_said(adata.uns[keys.uns], params)
    adata.obsm[keys.activity] = mean
    adata.obsm[keys.sd] = sd
    # a new dictionary: another AnnData may share the old one
    adata.uns[keys.uns] = {**adata.uns[keys.uns], TABLE: table, ACTIVITY_PARAMS: params}
    return adata if copy else None


def _programs_of(model: ProgramVAE, adata: AnnData) -> dict[str, Any]:
    """Names, table and origin of the model's programs, for data that have none."""
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
    """The table of programs, without what tools said of activities of another model or kind."""
    before, table = entry.get(ACTIVITY_PARAMS, {}), entry[TABLE]
    columns = [name for name in OF_MODEL if name in table]
    if columns and any(before.get(name, params[name]) != params[name] for name in ("digest", REFINE)):
        logger.info("Dropped %s from the table of programs: these were of another model.", ", ".join(columns))
        table = table.drop(columns=columns)
    return table
