"""From counts to activities in one call."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import _checks as checks
from . import pp, tl
from ._complete import complete as complete_programs
from ._complete import completed
from ._ensemble import ensemble
from ._keys import DEFAULT_KEY, GENES_SELECTED, Keys
from ._part import part_of, write_back
from ._rollback import unchanged_on_error
from ._store import check_space, closed_on_error, open_store, store_of, update_store
from .tl._audit import check_audit, check_awake

logger = logging.getLogger(__name__)

# arguments of this call that are passed on under the same names
COVARIATES = ("size_factor_key", "categorical_covariate_keys", "continuous_covariate_keys")
OF_PROGRAMS = ("gene_symbols", "min_genes", "max_genes", "n_decoys", "layer", "random_state", "key_added")

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from .model import ProgramEnsemble, ProgramVAE


def fit(
    adata: AnnData | str | Path,
    programs: str | Path | Mapping[str, Iterable[str]] | pd.DataFrame,
    *,
    layer: str | None = None,
    batch_key: str | None = None,
    size_factor_key: str | None = None,
    categorical_covariate_keys: list[str] | None = None,
    continuous_covariate_keys: list[str] | None = None,
    gene_symbols: str | None = None,
    min_genes: int = 5,
    max_genes: int | None = 500,
    n_decoys: int = 0,
    n_top_genes: int | Mapping[str, Any] | None = None,
    screen: bool | Mapping[str, Any] = False,
    n_unannotated: int | Literal["auto"] = 0,
    complete: bool | Mapping[str, Any] = False,
    n_fits: int = 1,
    resample: str | None = None,
    max_epochs: int | None = None,
    random_state: int = 0,
    key_added: str = DEFAULT_KEY,
    **train_kwargs: Any,
) -> ProgramVAE | ProgramEnsemble:
    """Add programs, train a model and write activities and loadings, in one call.

    This is the same as calling :meth:`crystallin.ProgramVAE.setup_anndata`, :func:`crystallin.pp.add_programs`,
    :meth:`crystallin.ProgramVAE.train`, :func:`crystallin.tl.activity` and :func:`crystallin.tl.loadings` one after the
    other. To set options that are not among the arguments, call these functions yourself.

    Parameters
    ----------
    adata
        Annotated data, cells x genes. Select genes in this call or before it, not after it. The path of an ``.h5ad``
        file or a ``.zarr`` store trains on data that are too large for the memory: the file is opened by
        :func:`crystallin.open_store`, and the results are written into it. The returned model has the open data as
        ``model.adata``.
    programs
        Gene sets in any form that :func:`crystallin.pp.add_programs` accepts: ``"immune"``, a path, a dict, a table.
    layer
        Layer with raw counts; ``None`` uses ``X``.
    batch_key, size_factor_key, categorical_covariate_keys, continuous_covariate_keys
        Columns of ``obs``, as in :meth:`crystallin.ProgramVAE.setup_anndata`.
    gene_symbols, min_genes, max_genes, n_decoys
        As in :func:`crystallin.pp.add_programs`.
    n_top_genes
        Train on so many variable genes and the genes of the programs: a number (2,000 is usual), or a dict of arguments
        of :func:`crystallin.pp.select_genes`, such as ``{"n_top_genes": 2000, "keep": 10}``. ``adata`` keeps all of its
        genes, and ``adata.var["selected"]`` says which were used; tools and figures take ``adata`` as it is. Genes that
        were not used have loadings of 0. The size of a cell is then the sum over the genes that were used, as if the
        others had been dropped before. ``None`` trains on all genes.
    screen
        Train only programs that are awake, see :func:`crystallin.pp.screen_programs`: ``True``, or a dict of its
        arguments, such as ``{"within": "cell_type"}``. ``False`` trains all.
    n_unannotated
        Number of free programs, for variation that no gene set explains, or ``"auto"``, see
        :class:`crystallin.ProgramVAE`. Programs are then screened, because free programs leave the awake ones their
        signal; ``screen`` still decides whether the others are trained.
    complete
        Add to the programs the members they lack, and fit the model again (see :func:`crystallin.complete`): ``True``,
        or a dict of its arguments, such as ``{"sample_key": "donor"}``. Programs are then screened, because only those
        that are awake are completed. The completed programs are stored under ``key_added``, and
        ``varm[key_added + "_added"]`` tells original members from added ones.
    n_fits
        Number of fits. With 3 or more (5 is usual), the model is fitted again to halves of its cells, and standard
        deviations and stabilities say what the fits disagree on, see :func:`crystallin.ensemble`.
    resample
        What the further fits differ in: ``"cells"`` (the default), ``"seed"``, or a column of ``obs`` with samples.
    max_epochs
        Number of training epochs; ``None`` chooses it by the number of cells.
    random_state
        Seed of decoys and of the model.
    key_added
        Key of the programs, which is the prefix of all their slots.
    **train_kwargs
        Further arguments of :meth:`crystallin.ProgramVAE.train`, for example ``accelerator``. ``checkpoint`` is that of
        the first fit; to keep the state of several fits, call :func:`crystallin.ensemble` on a model.

    Returns
    -------
    The trained :class:`~crystallin.ProgramVAE`, or a :class:`~crystallin.ProgramEnsemble` with several fits. Sets the
    same slots of ``adata`` as :func:`crystallin.pp.add_programs`, :func:`crystallin.tl.activity` and
    :func:`crystallin.tl.loadings`: ``varm[key_added]``, ``uns[key_added]``, ``obsm["X_" + key_added]``,
    ``obsm[key_added + "_sd"]``, the same for total activities and free programs, and ``varm[key_added + "_loadings"]``.
    With ``n_top_genes``, it also sets ``var["selected"]`` (``var[key_added + "_selected"]`` under another key), and
    ``model.adata`` is a private AnnData of the selected genes.

    Raises
    ------
    KeyError, TypeError, ValueError
        Before training, for the same reasons as these functions: if a column or layer does not exist, the matrix does
        not hold raw counts, no program has genes in the data, or an argument of the training is unknown or out of
        range.
    FileNotFoundError, ConnectionError
        If the file does not exist, or the library's server cannot be reached.
    PermissionError, OSError
        If the file of the data cannot be written to, or its disk has no room for the activities.

    If an error is raised, ``adata`` is left unchanged, including earlier activities and loadings.

    Examples
    --------
    >>> import crystallin as cr
    >>> adata = cr.datasets.pbmc68k()
    >>> model = cr.fit(adata, "immune", layer="counts", min_genes=3, max_epochs=5)
    >>> cr.get.activity(adata).shape[0]
    700
    """
    arguments = {name: value for name, value in locals().items() if name not in ("adata", "train_kwargs")}
    # here, not above: torch and scvi-tools take seconds to import
    from .model import ProgramVAE, check_free, check_train_arguments

    if isinstance(adata, str | Path):
        with closed_on_error(open_store(adata)) as opened:
            return fit(opened, **arguments, **train_kwargs)
    checks.check_adata(adata)
    checks.check_programs_key(adata, key_added)
    check_free(n_unannotated)
    wanted = _screening(screen, random_state, drop=True)
    completion = _completion(complete)
    if wanted is None and (n_unannotated or completion is not None):
        wanted = _screening({}, random_state, drop=False)
    check_train_arguments(adata, max_epochs=max_epochs, **train_kwargs)
    refits = _refits(adata, n_fits, resample, random_state)
    if completion is not None:
        _check_completion(adata, completion, random_state)
    if n_top_genes is not None:
        return _fit_on_selected(adata, n_top_genes, arguments | train_kwargs)
    with unchanged_on_error(adata), ProgramVAE._forgotten_on_error():
        ProgramVAE.setup_anndata(adata, **{name: arguments[name] for name in ("layer", "batch_key", *COVARIATES)})
        pp.add_programs(adata, programs, **{name: arguments[name] for name in OF_PROGRAMS})
        if wanted is not None:
            pp.screen_programs(adata, **wanted, layer=layer, batch_key=batch_key, key_added=key_added)
        if completion is not None and completion["programs"] is None:
            check_awake(adata, Keys(key_added))
        model = ProgramVAE(adata, n_unannotated=n_unannotated, random_state=random_state, programs_key=key_added)
        _check_room(adata, model, n_fits)
        logger.info("Training on %d cells x %d genes with %d programs.", *adata.shape, len(model.program_names))
        model.train(max_epochs=max_epochs, **train_kwargs)
        # length and checkpoint of the first training do not suit the short ones that follow
        again = {name: value for name, value in train_kwargs.items() if name != "checkpoint"}
        if refits is None or completion is not None:
            tl.activity(adata, model, key_added=key_added)
            tl.loadings(adata, model, key_added=key_added)
        if completion is not None:
            keys = Keys(key_added)
            options = {**completion, "random_state": random_state, "train_kwargs": again}
            model = completed(adata, model, keys, keys, **options)
        if refits is not None:
            model = ensemble(adata, model, key=key_added, **refits, **again)
        if store_of(adata) is not None:
            update_store(adata)
    return model


def _fit_on_selected(adata: AnnData, selection: Any, arguments: dict[str, Any]) -> ProgramVAE | ProgramEnsemble:
    """Select genes, fit a model to these, and write its results into data that keep all of their genes."""
    column = Keys(arguments["key_added"]).result(GENES_SELECTED)
    options = _selection(selection) | {"key_added": column}
    for name in COVARIATES:
        for key in np.atleast_1d(arguments[name] or []).tolist():
            checks.check_key(key, adata.obs, name)
    shared = ("layer", "batch_key", "gene_symbols", "min_genes", "max_genes")
    with unchanged_on_error(adata):
        pp.select_genes(adata, arguments["programs"], **{name: arguments[name] for name in shared}, **options)
        part = part_of(adata, np.flatnonzero(adata.var[column]), arguments["layer"])
        model = fit(part, **arguments | {"n_top_genes": None})
        write_back(part, adata)
    return model


def _selection(selection: Any) -> dict[str, Any]:
    """Arguments of the selection of genes."""
    if not isinstance(selection, Mapping):
        checks.check_int(selection, "n_top_genes", 1)
        return {"n_top_genes": selection}
    known = {"n_top_genes", "flavor", "keep"}
    if set(selection) - known:
        msg = f"n_top_genes={selection!r} must be a number, or a dict with arguments among {', '.join(sorted(known))}."
        raise ValueError(msg)
    return dict(selection)


def _check_room(adata: AnnData, model: ProgramVAE, n_fits: int) -> None:
    """Raise if activities are to be written to a disk that has no room for them."""
    stored = store_of(adata)
    if stored is not None:
        # mean, standard deviation, and the mean of each refit
        check_space(stored, (1 + n_fits) * sum(len(model.names_of(kind)) for kind in model.kinds))


def _refits(adata: AnnData, n_fits: int, resample: str | None, random_state: int) -> dict[str, Any] | None:
    """Check and return arguments of the ensemble; ``None`` for a single fit."""
    from .model import CELLS, check_resampling

    checks.check_int(n_fits, "n_fits", 1)
    if n_fits > 1:
        options = {"n_fits": n_fits, "resample": resample or CELLS, "random_state": random_state}
        check_resampling(adata, **options)
        return options
    if resample is not None:
        msg = f"resample={resample!r} needs several fits. Give n_fits=5 as well, or leave resample out."
        raise ValueError(msg)
    return None


def _completion(complete: bool | Mapping[str, Any]) -> dict[str, Any] | None:
    """Arguments of the completion; ``None`` without one."""
    if complete is False:
        return None
    known = {"sample_key", "fdr", "min_loading", "max_rounds", "programs", "candidates"}
    if complete is not True and (not isinstance(complete, Mapping) or set(complete) - known):
        msg = f"complete={complete!r} must be True, False or a dict with arguments among {', '.join(sorted(known))}."
        raise ValueError(msg)
    defaults = inspect.signature(complete_programs).parameters
    return {name: defaults[name].default for name in known} | ({} if complete is True else dict(complete))


def _check_completion(adata: AnnData, completion: Mapping[str, Any], random_state: int) -> None:
    """Raise unless the arguments of the completion are valid for these data."""
    checks.check_int(completion["max_rounds"], "max_rounds", 1)
    asked = {name: completion[name] for name in ("sample_key", "fdr", "min_loading", "candidates")}
    check_audit(adata, **asked, random_state=random_state)


def _screening(screen: bool | Mapping[str, Any], random_state: int, *, drop: bool) -> dict[str, Any] | None:
    """Arguments of the screening; ``None`` without one."""
    if isinstance(screen, bool):
        return {"drop": drop, "random_state": random_state} if screen else None
    known = set(inspect.signature(pp.screen_programs).parameters) - {"adata", "layer", "batch_key", "key_added", "copy"}
    if not isinstance(screen, Mapping) or set(screen) - known:
        msg = f"screen={screen!r} must be True, False or a dict with arguments among {', '.join(sorted(known))}."
        raise ValueError(msg)
    return {"drop": drop, "random_state": random_state, **screen}
