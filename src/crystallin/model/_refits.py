"""An ensemble from a model: its refits, one after the other."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from crystallin import _checks as checks

from ._ensemble import ProgramEnsemble
from ._model import ProgramVAE
from ._refit import check_refit
from ._resample import CELLS, resampled
from ._saved_ensemble import fit_folder
from ._settings import DEFAULT_BATCH_SIZE, POSTERIOR_BATCH_FACTOR
from ._split import DEFAULT_TRAIN_SIZE

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)

# file in the folder of an unfinished ensemble that says what it is made of
PLAN = "plan.json"
# steps of a refit's second stage, which starts at the parameters of the first fit: see benchmarks/ensembles.py
REFIT_STEPS = 80
MIN_FITS = 3


def refits_of(
    model: ProgramVAE,
    *,
    n_fits: int = 5,
    resample: str = CELLS,
    random_state: int = 0,
    checkpoint: str | Path | None = None,
    **train_kwargs: Any,
) -> ProgramEnsemble:
    """Return an ensemble of a model and its refits, see :func:`crystallin.ensemble`."""
    parts, folder = _check_refits(model, n_fits, resample, random_state, checkpoint, train_kwargs)
    if folder is not None:
        _check_plan(folder, model, parts, random_state, train_kwargs)
    fits, failed = [model], {}
    for number, cells in enumerate(parts, 1):
        path = None if folder is None else folder / fit_folder(number)
        saved = None if path is None else _saved(path, model)
        if saved is not None:
            fits.append(saved)
            continue
        logger.info("Fit %d of %d.", number + 1, n_fits)
        options = {"posterior_epochs": refit_epochs(model, cells, train_kwargs)} | train_kwargs
        try:
            fit = model.refitted(cells=cells, random_state=random_state + number, **options)
            _check_finite(fit)
        except (ArithmeticError, RuntimeError, ValueError) as error:
            failed[number] = f"{type(error).__name__}: {error}"
            logger.warning("Fit %d of %d is left out: %s", number + 1, n_fits, failed[number])
            continue
        fits.append(fit)
        if path is not None:
            # a folder is complete when it has its name
            partial = path.with_name(f"{path.name}.partial")
            fit.save(str(partial), overwrite=True)
            rmtree(path, ignore_errors=True)
            partial.rename(path)
    if len(fits) < 2:
        msg = f"All refits failed. The first: {failed[1]}"
        raise RuntimeError(msg)
    return ProgramEnsemble(fits, resample, failed)


def _check_refits(
    model: ProgramVAE,
    n_fits: int,
    resample: str,
    random_state: int,
    checkpoint: str | Path | None,
    train_kwargs: Mapping[str, Any],
) -> tuple[list[np.ndarray | None], Path | None]:
    """Check the arguments of an ensemble; return the cells of each refit, and the folder to keep them in."""
    check_refit(model, dict(train_kwargs))
    parts = check_resampling(model.adata, n_fits, resample, random_state)
    folder = None if checkpoint is None else Path(checkpoint)
    if folder is not None and (folder.is_file() or not folder.absolute().parent.is_dir()):
        msg = f"checkpoint={str(checkpoint)!r} must be a folder, or a name for a new one in a folder that exists."
        raise ValueError(msg)
    return parts, folder


def check_resampling(adata: AnnData, n_fits: int, resample: str, random_state: int) -> list[np.ndarray | None]:
    """Check how many fits there are and what they differ in; return the cells of each refit."""
    checks.check_int(random_state, "random_state", 0)
    if isinstance(n_fits, bool) or not isinstance(n_fits, int | np.integer) or n_fits < MIN_FITS:
        msg = (
            f"n_fits={n_fits!r} must be a whole number of at least {MIN_FITS}, the model and two refits to the halves "
            "of the data; 5 is usual. A single model needs no ensemble."
        )
        raise ValueError(msg)
    if not isinstance(resample, str):
        msg = f'resample={resample!r} must be "seed", "cells" or a column of obs with samples.'
        raise TypeError(msg)
    return resampled(adata, resample, n_fits - 1, random_state)


def refit_epochs(model: ProgramVAE, cells: np.ndarray | None, train_kwargs: Mapping[str, Any]) -> int:
    """Return the number of epochs of a refit's second stage with ``REFIT_STEPS`` steps."""
    n_cells = DEFAULT_TRAIN_SIZE * model.adata.n_obs if cells is None else len(cells)
    size = POSTERIOR_BATCH_FACTOR * train_kwargs.get("batch_size", DEFAULT_BATCH_SIZE)
    return math.ceil(REFIT_STEPS / math.ceil(n_cells / size))


def _read_plan(path: Path) -> Any:
    """Return what a folder's ensemble is made of; ``None`` if it is not known."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _saved(path: Path, model: ProgramVAE) -> ProgramVAE | None:
    """Return a refit that was saved; ``None`` if there is none, or its files are damaged."""
    if not path.is_dir():
        return None
    try:
        return ProgramVAE.load(path, model.adata)
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read and is fitted again: %s", path, error)
        return None


def _check_finite(model: ProgramVAE) -> None:
    """Raise if a fit diverged."""
    lost = [name for name, value in model.module.state_dict().items() if not bool(torch.isfinite(value).all())]
    if lost:
        msg = f"the fit diverged: {checks.some(lost)} are not finite"
        raise ArithmeticError(msg)


def _check_plan(
    folder: Path,
    model: ProgramVAE,
    parts: Sequence[np.ndarray | None],
    random_state: int,
    train_kwargs: Mapping[str, Any],
) -> None:
    """Write what the folder's ensemble is made of; raise if the folder has fits of another one."""
    cells = hashlib.sha256()
    for part in parts:
        cells.update(b"all" if part is None else part.tobytes())
    plan = {"model": model.digest, "cells": cells.hexdigest()[:16], "random_state": random_state}
    plan["train_kwargs"] = repr(sorted(train_kwargs.items()))
    path = folder / PLAN
    if folder.is_dir() and any(folder.iterdir()) and _read_plan(path) != plan:
        msg = (
            f"checkpoint={str(folder)!r} is not the folder of this ensemble: it has other files, or refits of another "
            "model, other cells, another seed or other arguments of the training. Give another folder, or delete it."
        )
        raise ValueError(msg)
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps(plan), encoding="utf-8")
