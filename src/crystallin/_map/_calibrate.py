"""The reference of verdicts: labelled cells, and how unusual held-out cells and samples are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks
from crystallin.stats import LabelModel, conformal_p

from ._held_out import Held, displacements_of, groups_of, held_out_cells, of_new_sample
from ._reference import Reference, Scores

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)

# labels with fewer cells have no place among activities
MIN_LABELLED = 5
# fewer held-out cells cannot tell a p-value of .05
MIN_HELD_OUT = 50


def calibrate(
    model: ProgramVAE,
    groupby: str,
    *,
    sample_key: str | None = None,
    n_folds: int = 5,
    random_state: int = 0,
    **train_kwargs: Any,
) -> None:
    """Calibrate a model on held-out cells, so that :func:`crystallin.map` can judge how unusual other cells are.

    The labels of the reference become Gaussians in the space of activities, with one covariance. Held-out cells are
    mapped as a query would be, and two scores are computed of each: its squared distance from the nearest label, and
    the departure of its deviance, given its activities, from what is usual. These scores are the calibration of
    conformal p-values.

    Parameters
    ----------
    model
        A trained model with its data.
    groupby
        Column of ``model.adata.obs`` with labels, such as cell types. Labels with fewer than 5 cells are left out.
    sample_key
        Column with samples (donors). The model is then fitted again without the samples of each fold in turn. p-values
        are then valid for cells of new samples, and verdicts on groups take into account how much samples differ.
        Without it, the validation cells are held out, p-values are valid for new cells of the same samples only, and no
        group is called shifted.
    n_folds
        Number of folds of samples; a refit takes about a fifth of the time of the training.
    random_state
        Seed of folds and refits.
    **train_kwargs
        Arguments of the training of refits, see :meth:`crystallin.ProgramVAE.train`.

    Returns
    -------
    ``None``. Sets ``model.reference_``, which is saved and exported with the model.

    Raises
    ------
    KeyError, ValueError
        If the model has no data, a column is missing or has missing values, there are fewer than two labels or samples,
        or too few held-out cells.

    Notes
    -----
    Conformal p-values: Vovk et al. (2005), Algorithmic Learning in a Random World. Samples have equal weights, see Dunn
    et al. (2023, J Am Stat Assoc 118:2491).

    Examples
    --------
    >>> cr.calibrate(model, "cell_type", sample_key="donor")  # doctest: +SKIP
    >>> model.export("my_reference")  # doctest: +SKIP
    """
    from crystallin.model import cell_fit, check_refit, typical_precision

    check_refit(model, train_kwargs)
    checks.check_int(n_folds, "n_folds", 2)
    checks.check_int(random_state, "random_state", 0)
    adata = model.adata
    names, codes = _labels(adata, groupby)
    samples = None if sample_key is None else checks.check_labels(adata, sample_key, "sample_key")
    if samples is not None and len(samples.names) < 2:
        msg = f"sample_key={sample_key!r} has a single sample, {samples.names[0]!r}; at least two are needed."
        raise ValueError(msg)
    sample_of = np.zeros(adata.n_obs, dtype=int) if samples is None else samples.codes
    parts = _parts(model, codes, None if samples is None else samples.codes, n_folds, random_state)
    # without samples, the model itself has not seen the cells for validation
    held = list(held_out_cells(model, parts, codes, sample_of, refit=samples is not None, train_kwargs=train_kwargs))
    if not held:
        msg = f"No label of groupby={groupby!r} is in several folds of sample_key={sample_key!r}. Use coarser labels."
        raise ValueError(msg)

    labelled = np.flatnonzero(codes >= 0)
    fit = cell_fit(model, model.reading(), labelled)
    depth = float(np.median(fit.depth))
    cells = LabelModel.fit(fit.activity, codes[labelled], typical_precision(model, depth))
    weights = np.concatenate([np.full(len(one.positions), 1 / len(one.positions)) for one in held])
    ratio = _ratio(held)
    excess = np.concatenate([cell_fit(one.model, one.model.reading(), ratio=ratio).excess for one in held])
    centre, scale = _moments(excess, weights)
    compared = [one.cells if samples is None else of_new_sample(one, held) for one in held]
    pairs = list(zip(held, compared, strict=True))
    weights = weights / weights.sum()
    usual = Scores(
        np.concatenate([known.distances(one.fit.activity).min(axis=1) for one, known in pairs]),
        ((excess - centre) / scale) ** 2,
    )
    p = conformal_p(usual.both, usual.both, weights)
    groups = [] if samples is None else list(groups_of(pairs, p, names, samples.names, sample_of))
    model.reference_ = Reference(
        labels=np.array(names, dtype=str),
        cells=cells if samples is None else cells.with_samples(*displacements_of(held)),
        depth=depth,
        ratio=ratio,
        centre=centre,
        scale=scale,
        usual=usual,
        weights=weights,
        batch_shifts=np.zeros(0) if samples is None else np.concatenate([one.model.mapped_["shift"] for one in held]),
        shifts=np.array([group.distance for group in groups]),
        unlikes=np.array([group.unlike for group in groups]),
        groups=np.array([group.name for group in groups], dtype=str),
        n_samples=0 if samples is None else len(samples.names),
        groupby=groupby,
        sample_key=sample_key or "",
    ).to_dict()
    if samples is None:
        logger.warning(
            "Calibrated with cells of the same samples. p-values do not hold for cells of new samples, and no group "
            "will be called shifted; pass sample_key= if there are samples."
        )


def _labels(adata: Any, groupby: str) -> tuple[list[str], np.ndarray]:
    """Return the labels with enough cells, and the label of each cell from 0; -1 for those of small labels."""
    labels = checks.check_labels(adata, groupby, "groupby")
    size = np.bincount(labels.codes, minlength=len(labels.names))
    kept = np.flatnonzero(size >= MIN_LABELLED)
    if len(kept) < 2:
        msg = (
            f"groupby={groupby!r} has {len(kept)} label(s) with at least {MIN_LABELLED} cells, but two are needed to "
            "know how far labels are from each other."
        )
        raise ValueError(msg)
    place = np.full(len(labels.names), -1)
    place[kept] = np.arange(len(kept))
    return [labels.names[label] for label in kept], place[labels.codes]


def _parts(
    model: ProgramVAE, codes: np.ndarray, samples: np.ndarray | None, n_folds: int, random_state: int
) -> list[np.ndarray]:
    """Return positions of labelled cells of each fold."""
    if samples is None:
        held_out = np.asarray([] if model.validation_indices is None else model.validation_indices, dtype=int)
        parts = [np.sort(held_out[codes[held_out] >= 0])]
    else:
        n_samples = samples.max() + 1
        order = np.random.default_rng(random_state).permutation(n_samples)
        fold_of = np.empty(n_samples, dtype=int)
        fold_of[order] = np.arange(n_samples) % min(n_folds, n_samples)
        parts = [np.flatnonzero((fold_of[samples] == fold) & (codes >= 0)) for fold in range(fold_of.max() + 1)]
    n_cells = sum(map(len, parts))
    if n_cells < MIN_HELD_OUT:
        msg = (
            f"There are {n_cells} held-out cells, but at least {MIN_HELD_OUT} are needed. Train with more cells for "
            "validation (train_size), or pass sample_key=."
        )
        raise ValueError(msg)
    return parts


def _ratio(held: list[Held]) -> np.ndarray:
    """Return the deviance of each gene in held-out cells as a multiple of what is expected."""
    observed, expected = (sum(getattr(one.fit, name) for one in held) for name in ("observed", "expected"))
    # genes without counts say nothing
    return np.where(expected > 1, observed / np.maximum(expected, 1), 1.0)


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    centre = float(np.average(values, weights=weights))
    return centre, max(float(np.sqrt(np.average((values - centre) ** 2, weights=weights))), 1e-6)
