"""The reference of verdicts: labelled cells, and how unusual held-out cells and samples are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crystallin import _checks as checks
from crystallin.stats import LabelModel

from ._query import columns_of, private_query
from ._reference import Reference, Scores
from ._scores import as_measured
from ._verdicts import MIN_CELLS

if TYPE_CHECKING:
    from crystallin.model import CellFit, ProgramVAE

logger = logging.getLogger(__name__)

# labels with fewer cells have no place among activities
MIN_LABELLED = 5
# fewer held-out cells cannot tell a p-value of .05
MIN_HELD_OUT = 50
# column of the sample of held-out cells, and what keeps its names apart from those of the reference's batches
SAMPLE, HELD_OUT = "_crystallin_sample", "held out: "


@dataclass(frozen=True)
class _Fold:
    """Cells that a fit has not seen.

    Attributes
    ----------
    positions
        Positions of the held-out cells.
    model
        A model that has not seen them, mapped to them.
    fit
        Their activities and deviances.
    cells
        Gaussians of the labels of the other cells, as if measured as the held-out cells.
    labels
        Label of each Gaussian, as a position among all labels.
    """

    positions: np.ndarray
    model: ProgramVAE
    fit: CellFit
    cells: LabelModel
    labels: np.ndarray


def calibrate(
    model: ProgramVAE,
    groupby: str,
    *,
    sample_key: str | None = None,
    n_folds: int = 5,
    random_state: int = 0,
    **train_kwargs: Any,
) -> None:
    """Measure how unusual cells are that a model has not seen, so that :func:`crystallin.map` can give verdicts.

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
        Column with samples (donors). The model is then fitted again without the samples of each fold in turn, and the
        p-values of cells of a new sample hold; verdicts on groups know how much samples differ. Without it, cells for
        validation are held out, p-values hold for new cells of the same samples only, and no group is called shifted.
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
    # fits whose parameters have not seen the part; without samples, the model has not seen cells for validation
    folds = list(_folds(model, parts, codes, sample_of, refit=samples is not None, train_kwargs=train_kwargs))

    labelled = np.flatnonzero(codes >= 0)
    fit = cell_fit(model, model.reading(), labelled)
    depth = float(np.median(fit.depth))
    cells = LabelModel.fit(fit.activity, codes[labelled], typical_precision(model, depth))
    positions = np.concatenate([fold.positions for fold in folds])
    ratio = _ratio(folds)
    excess = np.concatenate([cell_fit(fold.model, fold.model.reading(), ratio=ratio).excess for fold in folds])
    n_of_sample = np.bincount(sample_of[positions])
    weights = 1 / n_of_sample[sample_of[positions]]
    centre, scale = _moments(excess, weights)
    usual = Scores(
        np.concatenate([fold.cells.distances(fold.fit.activity).min(axis=1) for fold in folds]),
        ((excess - centre) / scale) ** 2,
    )
    model.reference_ = Reference(
        labels=np.array(names, dtype=str),
        cells=cells,
        depth=depth,
        ratio=ratio,
        centre=centre,
        scale=scale,
        usual=usual,
        weights=weights / weights.sum(),
        shifts=np.zeros(0) if samples is None else _shifts(folds, codes, sample_of),
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


def _folds(
    model: ProgramVAE,
    parts: list[np.ndarray],
    codes: np.ndarray,
    samples: np.ndarray,
    *,
    refit: bool,
    train_kwargs: Mapping[str, Any],
) -> Iterator[_Fold]:
    """Yield held-out cells of each part, each sample mapped as a batch of its own."""
    from crystallin.model import cell_fit, mapped_model, refit_epochs, typical_precision

    everyone = np.arange(model.adata.n_obs)
    for number, part in enumerate(parts):
        others, fit = np.setdiff1d(everyone, part), model
        if refit:
            logger.info("Fit %d of %d, without some of the samples.", number + 1, len(parts))
            epochs = {"posterior_epochs": refit_epochs(model, others, train_kwargs)}
            fit = model.refitted(cells=others, random_state=model._random_state + number + 1, **epochs | train_kwargs)
        others = others[codes[others] >= 0]
        known = np.unique(codes[others])
        inside = cell_fit(fit, fit.reading(), others)
        precision = typical_precision(fit, float(np.median(inside.depth)))
        cells = LabelModel.fit(inside.activity, np.searchsorted(known, codes[others]), precision)
        # cells whose label is in these samples only have nothing to be compared with
        part = part[np.isin(codes[part], known)]
        query = _held_out(model, part, samples[part])
        mapped = mapped_model(fit, query, np.arange(len(fit.genes)), SAMPLE)
        of_part = cell_fit(mapped, mapped.reading())
        yield _Fold(part, mapped, of_part, as_measured(cells, mapped, of_part.depth), known)


def _held_out(model: ProgramVAE, part: np.ndarray, samples: np.ndarray) -> Any:
    """Return the private AnnData of held-out cells, each sample of which is a new batch."""
    adata, layer = model.adata[part], model.registry["setup_args"]["layer"]
    counts = adata.X if layer is None else adata.layers[layer]
    query = private_query(counts, np.arange(len(model.genes)), adata.obs, model.genes, columns_of(model))
    query.obs[SAMPLE] = [f"{HELD_OUT}{sample}" for sample in samples]
    return query


def _ratio(folds: list[_Fold]) -> np.ndarray:
    """Return the deviance of each gene in held-out cells as a multiple of what is expected."""
    observed, expected = (sum(getattr(fold.fit, name) for fold in folds) for name in ("observed", "expected"))
    # genes without counts say nothing
    return np.where(expected > 1, observed / np.maximum(expected, 1), 1.0)


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    centre = float(np.average(values, weights=weights))
    return centre, max(float(np.sqrt(np.average((values - centre) ** 2, weights=weights))), 1e-6)


def _shifts(folds: list[_Fold], codes: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the distance of each held-out group, a label in a sample, from the nearest label."""
    found = []
    for fold in folds:
        for sample in np.unique(samples[fold.positions]):
            for label in fold.labels:
                inside = (samples[fold.positions] == sample) & (codes[fold.positions] == label)
                if inside.sum() >= MIN_CELLS:
                    nearest, way = fold.cells.displacement(fold.fit.activity[inside].mean(axis=0))
                    found.append(fold.cells.length(way, int(inside.sum()), nearest))
    return np.array(found)
