"""Scores of cells of a query, against a reference measured as the query was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crystallin.stats import LabelModel

from ._reference import Reference, Scores

if TYPE_CHECKING:
    from crystallin.model import CellFit, ProgramVAE


@dataclass(frozen=True)
class Placed:
    """Cells of a query among the labels of a reference.

    Attributes
    ----------
    activity
        Activities, cells x dimensions.
    cells
        Gaussians of the labels, as if their cells had been measured as the query was.
    distances
        Squared distance of each cell from each label, cells x labels.
    scores
        How unusual cells are.
    """

    activity: np.ndarray
    cells: LabelModel
    distances: np.ndarray
    scores: Scores


def placed(fit: CellFit, model: ProgramVAE, reference: Reference) -> Placed:
    """Compare cells of a query, fitted by the ``model`` that was mapped to it, with the reference."""
    cells = as_measured(reference.cells, model, fit.depth)
    distances = cells.distances(fit.activity)
    counts = ((fit.excess - reference.centre) / reference.scale) ** 2
    return Placed(fit.activity, cells, distances, Scores(distances.min(axis=1), counts))


def as_measured(cells: LabelModel, model: ProgramVAE, depth: np.ndarray) -> LabelModel:
    """Return the labels' Gaussians, had their cells these genes (those of the ``model``) and this depth."""
    # here, not above: torch and scvi-tools take seconds to import
    from crystallin.model import typical_precision

    return cells.as_measured(typical_precision(model, float(np.median(depth))))
