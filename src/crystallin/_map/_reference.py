"""What is known of a reference: where its labelled cells lie, and how unusual cells are that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from crystallin._keys import ALPHA
from crystallin.stats import LabelModel, conformal_limit, conformal_p

# limit of the shift of intercepts, as a multiple of the largest of held-out samples
MAX_BATCH_SHIFT = 3.0
# entries of a stored reference for the Gaussians of labels, and for the scores of held-out cells
OF_CELLS = ("mean", "size", "within", "between", "information")
OF_USUAL = ("usual_activity", "usual_counts")


@dataclass(frozen=True)
class Scores:
    """How unusual cells are; larger is less usual.

    Attributes
    ----------
    activity
        Squared distance of the activities from the nearest label.
    counts
        Squared departure of the deviance from what is usual, in standard deviations.
    """

    activity: np.ndarray
    counts: np.ndarray

    @property
    def both(self) -> np.ndarray:
        """Sum of the two: each dimension of the activities counts as much as the deviance."""
        return self.activity + self.counts


@dataclass(frozen=True)
class Reference:
    """Labelled cells of a reference, and scores of held-out cells.

    Attributes
    ----------
    labels
        Names of the labels.
    cells
        Gaussians of the labels.
    depth
        Median sum of counts of the cells.
    ratio
        Deviance of each gene in held-out cells, as a multiple of what the model expects.
    centre, scale
        Mean and standard deviation of the excess deviance of held-out cells.
    usual
        Scores of held-out cells.
    weights
        Weight of each held-out cell; samples have equal weights.
    batch_shifts
        Standard deviation over genes of the shift of intercepts of each held-out sample; empty without samples.
    shifts, unlikes
        Of each held-out group, a label in a sample: distance from the label of most of its cells, and share of cells
        with a p-value below .05. Empty without samples.
    groups
        Names of these groups.
    n_samples
        Number of samples; 0 if these were not given.
    groupby, sample_key
        Columns of the labels and samples; the second is empty without samples.
    """

    labels: np.ndarray
    cells: LabelModel
    depth: float
    ratio: np.ndarray
    centre: float
    scale: float
    usual: Scores
    weights: np.ndarray
    batch_shifts: np.ndarray
    shifts: np.ndarray
    unlikes: np.ndarray
    groups: np.ndarray
    n_samples: int
    groupby: str
    sample_key: str

    def on_genes(self, there: np.ndarray) -> Reference:
        """Return the reference for a model of some of its genes."""
        return replace(self, ratio=self.ratio[there])

    @property
    def limit(self) -> float:
        """Distance that a group of a new sample of the same kind rarely exceeds; NaN without samples."""
        return conformal_limit(self.shifts, ALPHA) if len(self.shifts) else np.nan

    @property
    def unlike_limit(self) -> float:
        """Share of unlike cells that a group of a new sample of the same kind rarely exceeds; NaN without samples."""
        return conformal_limit(self.unlikes, ALPHA) if len(self.unlikes) else np.nan

    @property
    def batch_limit(self) -> float:
        """Shift of intercepts beyond which a query cannot be like the reference; infinite without samples."""
        return MAX_BATCH_SHIFT * self.batch_shifts.max() if len(self.batch_shifts) else np.inf

    def p_values(self, scores: Scores) -> dict[str, np.ndarray]:
        """Return conformal p-values of cells: ``"p"``, ``"p_counts"`` and ``"p_activity"``."""
        pairs = {
            "p": (scores.both, self.usual.both),
            "p_counts": (scores.counts, self.usual.counts),
            "p_activity": (scores.activity, self.usual.activity),
        }
        return {name: conformal_p(new, usual, self.weights) for name, (new, usual) in pairs.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values and arrays, as they are stored with a model."""
        return {
            "labels": self.labels,
            "mean": self.cells.mean,
            "size": self.cells.size,
            "within": self.cells.within,
            "between": self.cells.between,
            "information": self.cells.information,
            "depth": self.depth,
            "ratio": self.ratio,
            "centre": self.centre,
            "scale": self.scale,
            "usual_activity": self.usual.activity,
            "usual_counts": self.usual.counts,
            "weights": self.weights,
            "batch_shifts": self.batch_shifts,
            "shifts": self.shifts,
            "unlikes": self.unlikes,
            "groups": self.groups,
            "n_samples": self.n_samples,
            "groupby": self.groupby,
            "sample_key": self.sample_key,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Reference:
        """Return what :meth:`to_dict` stored; raise a ValueError if it is of another version, or incomplete."""
        missing = {field.name for field in fields(cls)} - {"cells", "usual"} - set(stored)
        missing |= {*OF_CELLS, *OF_USUAL} - set(stored)
        if missing:
            msg = (
                f"The calibration of the model lacks {', '.join(sorted(missing))}: it was made by another version of "
                "crystallin. Call crystallin.calibrate on the reference again, or upgrade."
            )
            raise ValueError(msg)
        stored = dict(stored)
        cells = LabelModel(*(stored.pop(name) for name in OF_CELLS))
        usual = Scores(*(stored.pop(name) for name in OF_USUAL))
        return cls(cells=cells, usual=usual, **stored)
