"""Several fits of the same programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _checks as checks
from . import tl
from ._keys import DEFAULT_KEY, Keys
from ._part import on_model_genes
from ._rollback import unchanged_on_error

if TYPE_CHECKING:
    from anndata import AnnData

    from .model import ProgramEnsemble, ProgramVAE


@on_model_genes
def ensemble(
    adata: AnnData,
    model: ProgramVAE,
    *,
    n_fits: int = 5,
    resample: str = "cells",
    random_state: int = 0,
    checkpoint: str | Path | None = None,
    key: str = DEFAULT_KEY,
    **train_kwargs: Any,
) -> ProgramEnsemble:
    """Fit a model again to parts of its cells, and write activities that say what the fits disagree on.

    A single fit does not show which results another fit would repeat. Each refit starts from the parameters of the
    model and is fitted to one half of the cells, or of the samples. It shows how loadings and activities depend on the
    cells or samples that happened to be measured. Halves come in pairs without a cell in common.

    Parameters
    ----------
    adata
        The data the model was trained on, with its programs under ``key``.
    model
        A trained model with its data. It becomes the first fit and is not changed.
    n_fits
        Number of fits, the model included; at least 3.
    resample
        What the refits differ in. ``"cells"``: halves of the cells. A column of ``obs`` with at least four samples
        (donors, mice, libraries): halves of the samples, so that differences between samples count as well.
        ``"seed"``: all cells with other random numbers, which shows less than either.
    random_state
        Seed of the halves and of the refits.
    checkpoint
        Folder, new or empty, in which each refit is saved when it is complete. If the folder is that of an earlier call
        with the same model and arguments, refits that it has are not fitted again. The folder is left there.
    key
        Key of the programs, as given to :func:`crystallin.pp.add_programs`.
    **train_kwargs
        Arguments of :meth:`crystallin.ProgramVAE.train` for the refits, for example ``accelerator``.

    Returns
    -------
    A :class:`~crystallin.ProgramEnsemble`, to be used in place of the model. Sets the slots of
    :func:`crystallin.tl.activity` and :func:`crystallin.tl.loadings`.

    Raises
    ------
    KeyError, TypeError, ValueError
        Before any refit: if ``n_fits`` is below 3, ``resample`` is unknown or has fewer than four samples, the model
        has no data or is that of a query, ``adata`` has other programs, the checkpoint belongs to another ensemble, or
        an argument of the training is unknown or out of range.
    RuntimeError
        If all refits fail. A single refit that fails or diverges is left out, named in a warning of the log and in
        ``ensemble.failed``.

    If an error is raised, ``adata`` is left unchanged.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> model = cr.fit(adata, "immune", layer="counts", min_genes=3, max_epochs=20)
    >>> ensemble = cr.ensemble(adata, model, n_fits=3)
    >>> len(ensemble.fits)
    3
    """
    # here, not above: torch and scvi-tools take seconds to import
    from .model import refits_of

    keys = Keys(key)
    checks.check_adata(adata)
    checks.check_explainable(adata, keys, model.program_names, model.prior_digest)
    options = {"n_fits": n_fits, "resample": resample, "random_state": random_state, "checkpoint": checkpoint}
    fits = refits_of(model, **options, **train_kwargs)
    with unchanged_on_error(adata):
        tl.activity(adata, fits, key_added=key)
        tl.loadings(adata, fits, key_added=key)
    return fits
