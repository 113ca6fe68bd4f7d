"""Program activities into AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from crystallin import _checks as checks
from crystallin._keys import ACTIVITY_PARAMS, DEFAULT_KEY, NAMES, TABLE, Keys

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


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
    ``adata.varm[key_added]``, ``adata.uns[key_added]["names"]``, ``["table"]``
        The model's programs, only where ``adata`` had none of its own (a query).

    Raises
    ------
    ValueError
        If the genes differ from the model's, or ``adata`` holds programs other than the model's under ``key_added``.

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
    checks.check_adata(adata)
    names = model.program_names
    if keys.uns in adata.uns:
        checks.check_same_programs(adata, keys, names, model.prior_digest)
    mean, sd = model.get_activity(adata, refine=refine, return_sd=True, batch_size=batch_size)

    adata = adata.copy() if copy else adata
    if keys.uns not in adata.uns:
        table = pd.DataFrame({"name": names, "kept": True, "decoy": model.is_decoy})
        adata.uns[keys.uns] = {NAMES: names, TABLE: table}
        adata.varm[keys.prior] = model.prior
    adata.obsm[keys.activity] = mean
    adata.obsm[keys.sd] = sd
    adata.uns[keys.uns][ACTIVITY_PARAMS] = {
        "refine": refine,
        "model": type(model).__name__,
        "digest": model.digest,
    }
    return adata if copy else None
