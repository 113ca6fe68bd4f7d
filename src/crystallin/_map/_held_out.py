"""Cells of a reference that a fit has not seen, mapped as a query would be."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crystallin._keys import ALPHA
from crystallin.stats import LabelModel

from ._query import columns_of, private_query
from ._scores import as_measured
from ._verdicts import MIN_CELLS, most_frequent

if TYPE_CHECKING:
    from crystallin.model import CellFit, ProgramVAE

# the mean of a label of which the other samples have fewer cells is not known well enough to be compared with
MIN_KNOWN = 30

logger = logging.getLogger(__name__)

# column of the batches of held-out cells, and what keeps their names apart from those of the reference
BATCH, HELD_OUT = "_crystallin_batch", "held out: "


@dataclass(frozen=True)
class Held:
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
        Held-out cells of each label that has enough of them, and enough others: number of the Gaussian, which cells.
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


def held_out_cells(
    model: ProgramVAE,
    parts: list[np.ndarray],
    codes: np.ndarray,
    samples: np.ndarray,
    *,
    refit: bool,
    train_kwargs: Mapping[str, Any],
) -> Iterator[Held]:
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
            groups = [
                (int(one), label == one)
                for one in np.unique(label)
                if (label == one).sum() >= MIN_CELLS and cells.size[one] >= MIN_KNOWN
            ]
            yield Held(number, of_sample, mapped, found, as_measured(cells, mapped, found.depth), groups, known)


def displacements_of(held: list[Held]) -> tuple[list[np.ndarray], list[int]]:
    """Return the displacements of all held-out groups, and their sizes."""
    found = [group for one in held for group in one.displacements()]
    return [way for way, _ in found], [size for _, size in found]


def of_new_sample(one: Held, held: list[Held]) -> LabelModel:
    """Return the Gaussians of cells of new samples, from samples of other folds."""
    return one.cells.with_samples(*displacements_of([other for other in held if other.fold != one.fold]))


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


class Group(NamedTuple):
    """A held-out group: a label in a sample."""

    name: str
    distance: float
    unlike: float


def groups_of(
    pairs: list[tuple[Held, LabelModel]],
    p: np.ndarray,
    labels: Sequence[str],
    samples: Sequence[str],
    sample_of: np.ndarray,
) -> Iterator[Group]:
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
            yield Group(name, distance, float((of_cells[inside] < ALPHA).mean()))
