"""Scores of cells of a query, against a reference measured as the query was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crystallin._keys import MIN_MEASURED
from crystallin.stats import LabelModel

from ._reference import Reference, Scores

if TYPE_CHECKING:
    from crystallin.model import CellFit, ProgramVAE


# Labels can be told from many programs of which little was measured; distances need programs that are well known. Below
# this share of the weight, next to nothing is known of an activity.
MIN_FOR_LABELS = 0.1


@dataclass(frozen=True)
class Placed:
    """Cells of a query among the labels of a reference.

    Attributes
    ----------
    activity
        Activities, cells x dimensions.
    cells
        Gaussians of the labels, as if their cells had been measured as the query was.
    dimensions
        Which programs and free programs were measured well enough for distances.
    label
        Position of each cell's label.
    probability
        Posterior probability of the label.
    scores
        How unusual cells are.
    batch_shift
        Largest standard deviation over genes of the shift of a new batch's intercepts; 0 without new batches.
    """

    activity: np.ndarray
    cells: LabelModel
    dimensions: np.ndarray
    label: np.ndarray
    probability: np.ndarray
    scores: Scores
    batch_shift: float


def placed(fit: CellFit, model: ProgramVAE, reference: Reference) -> Placed:
    """Compare cells of a query, fitted by the ``model`` that was mapped to it, with the reference."""
    measured = np.ones(fit.activity.shape[1])
    if model.measured_weight is not None:
        measured[: len(model.measured_weight)] = model.measured_weight
    every = as_measured(reference.cells, model, fit.depth)
    for_labels, dimensions = measured >= MIN_FOR_LABELS, measured >= MIN_MEASURED
    label, probability = every.on(for_labels).classified(fit.activity[:, for_labels])
    cells, activity = every.on(dimensions), fit.activity[:, dimensions]
    # as far as if all dimensions could be compared
    away = cells.distances(activity).min(axis=1) * len(dimensions) / dimensions.sum()
    scores = Scores(away, ((fit.excess - reference.centre) / reference.scale) ** 2)
    batch_shift = 0.0 if model.mapped_ is None else float(model.mapped_["shift"].max(initial=0))
    return Placed(activity, cells, dimensions, label, probability, scores, batch_shift)


def as_measured(cells: LabelModel, model: ProgramVAE, depth: np.ndarray) -> LabelModel:
    """Return the labels' Gaussians, had their cells these genes (those of the ``model``) and this depth."""
    # here, not above: torch and scvi-tools take seconds to import
    from crystallin.model import typical_precision

    return cells.as_measured(typical_precision(model, float(np.median(depth))))
