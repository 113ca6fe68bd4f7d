"""The reference of verdicts: labelled cells, and how unusual held-out cells and samples are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crystallin import _checks as checks
from crystallin.stats import LabelModel, conformal_p

from ._query import columns_of, private_query
from ._reference import ALPHA, Reference, Scores
from ._scores import as_measured
from ._verdicts import MIN_CELLS, most_frequent

if TYPE_CHECKING:
    from crystallin.model import CellFit, ProgramVAE

logger = logging.getLogger(__name__)

# labels with fewer cells have no place among activities
MIN_LABELLED = 5
# column of the batches of held-out cells, and what keeps their names apart from those of the reference
BATCH, HELD_OUT = "_crystallin_batch", "held out: "
# fewer held-out cells cannot tell a p-value of .05
MIN_HELD_OUT = 50


@dataclass(frozen=True)
class _Held:
    """Cells of a sample that a fit has not seen.

    Attributes
    ----------
    fold
        Number of the fit.
    positions
        Positions of the held-out cells.
    model
        A model that has not seen them, mapped to them.
    fit
        Their activities and deviances.
    cells
        Gaussians of the labels of the other cells, as if measured as the held-out cells.
    groups
        Held-out cells of each label that has enough of them: the number of the Gaussian, and which cells.
    labels
        Label of each Gaussian, as a position among all labels.
    """

    fold: int
    positions: np.ndarray
    model: ProgramVAE
    fit: CellFit
    cells: LabelModel
    groups: list[tuple[int, np.ndarray]]
    labels: np.ndarray

    def displacements(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield the difference between the mean of each group and that of its label, and the group's size."""
        for label, inside in self.groups:
            yield self.fit.activity[inside].mean(axis=0) - self.cells.mean[label], int(inside.sum())


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
    # without samples, the model itself has not seen the cells for validation
    held = list(_held_out_cells(model, parts, codes, sample_of, refit=samples is not None, train_kwargs=train_kwargs))

    labelled = np.flatnonzero(codes >= 0)
    fit = cell_fit(model, model.reading(), labelled)
    depth = float(np.median(fit.depth))
    cells = LabelModel.fit(fit.activity, codes[labelled], typical_precision(model, depth))
    weights = np.concatenate([np.full(len(one.positions), 1 / len(one.positions)) for one in held])
    ratio = _ratio(held)
    excess = np.concatenate([cell_fit(one.model, one.model.reading(), ratio=ratio).excess for one in held])
    centre, scale = _moments(excess, weights)
    compared = [one.cells if samples is None else _of_new_sample(one, held) for one in held]
    pairs = list(zip(held, compared, strict=True))
    weights = weights / weights.sum()
    usual = Scores(
        np.concatenate([known.distances(one.fit.activity).min(axis=1) for one, known in pairs]),
        ((excess - centre) / scale) ** 2,
    )
    p = conformal_p(usual.both, usual.both, weights)
    groups = [] if samples is None else list(_groups(pairs, p, names, samples.names, sample_of))
    model.reference_ = Reference(
        labels=np.array(names, dtype=str),
        cells=cells if samples is None else cells.with_samples(*_displacements(held)),
        depth=depth,
        ratio=ratio,
        centre=centre,
        scale=scale,
        usual=usual,
        weights=weights,
        batch_shifts=np.concatenate([one.model.mapped_["shift"] for one in held])[: len(held) if samples else 0],
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


def _held_out_cells(
    model: ProgramVAE,
    parts: list[np.ndarray],
    codes: np.ndarray,
    samples: np.ndarray,
    *,
    refit: bool,
    train_kwargs: Mapping[str, Any],
) -> Iterator[_Held]:
    """Yield the held-out cells of each sample of each part, mapped as a batch of its own."""
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
        for sample in np.unique(samples[part]):
            of_sample = part[samples[part] == sample]
            mapped = mapped_model(fit, _query_of(model, of_sample), np.arange(len(fit.genes)), BATCH)
            found = cell_fit(mapped, mapped.reading())
            label = np.searchsorted(known, codes[of_sample])
            groups = [(int(one), label == one) for one in np.unique(label) if (label == one).sum() >= MIN_CELLS]
            yield _Held(number, of_sample, mapped, found, as_measured(cells, mapped, found.depth), groups, known)


def _displacements(held: list[_Held]) -> tuple[list[np.ndarray], list[int]]:
    """Return the displacements of all held-out groups, and their sizes."""
    found = [group for one in held for group in one.displacements()]
    return [way for way, _ in found], [size for _, size in found]


def _of_new_sample(one: _Held, held: list[_Held]) -> LabelModel:
    """Return the Gaussians of cells of new samples, from samples of other folds."""
    return one.cells.with_samples(*_displacements([other for other in held if other.fold != one.fold]))


def _query_of(model: ProgramVAE, cells: np.ndarray) -> Any:
    """Return the private AnnData of some of the model's cells, as if they were a query."""
    setup = model.registry["setup_args"]
    adata, layer, batch_key = model.adata[cells], setup["layer"], setup["batch_key"]
    counts = adata.X if layer is None else adata.layers[layer]
    query = private_query(counts, np.arange(len(model.genes)), adata.obs, model.genes, columns_of(model))
    batches = ["query"] * adata.n_obs if batch_key is None else adata.obs[batch_key].astype(str)
    # the reference must not know them
    query.obs[BATCH] = [f"{HELD_OUT}{batch}" for batch in batches]
    return query


def _ratio(held: list[_Held]) -> np.ndarray:
    """Return the deviance of each gene in held-out cells as a multiple of what is expected."""
    observed, expected = (sum(getattr(one.fit, name) for one in held) for name in ("observed", "expected"))
    # genes without counts say nothing
    return np.where(expected > 1, observed / np.maximum(expected, 1), 1.0)


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    centre = float(np.average(values, weights=weights))
    return centre, max(float(np.sqrt(np.average((values - centre) ** 2, weights=weights))), 1e-6)


class _Group(NamedTuple):
    """A held-out group: a label in a sample."""

    name: str
    distance: float
    unlike: float


def _groups(
    pairs: list[tuple[_Held, LabelModel]],
    p: np.ndarray,
    labels: Sequence[str],
    samples: Sequence[str],
    sample_of: np.ndarray,
) -> Iterator[_Group]:
    """Yield held-out groups: how far each is from the label of most of its cells, and how many of these are unlike."""
    start = 0
    for one, cells in pairs:
        of_cells = p[start : start + len(one.positions)]
        start += len(one.positions)
        for label, inside in one.groups:
            activity = one.fit.activity[inside]
            nearest = most_frequent(cells.classified(activity)[0])
            distance = cells.length(cells.way(activity.mean(axis=0), nearest), len(activity), nearest)
            name = f"{labels[one.labels[label]]}, {samples[sample_of[one.positions[0]]]}"
            yield _Group(name, distance, float((of_cells[inside] < ALPHA).mean()))
