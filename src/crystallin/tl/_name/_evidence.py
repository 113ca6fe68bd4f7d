"""Genes that agree with a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crystallin.tl._shared import Chosen, members

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE


@dataclass(frozen=True)
class GeneEvidence:
    """Contribution of each gene of each label to the label's activity in each group.

    Attributes
    ----------
    gene, label
        Position of each pair of a label and one of its genes.
    excess
        Contribution minus its mean in the other groups in which the label is off, groups x pairs; NaN if there is no
        such group.
    needed
        Excess above which a gene agrees with the label: half of the excess in the other groups in which the label is
        on, 0 if there are none; groups x pairs.
    """

    gene: np.ndarray
    label: np.ndarray
    excess: np.ndarray
    needed: np.ndarray

    @property
    def support(self) -> np.ndarray:
        """Share of a label's genes that agree with it, groups x labels."""
        n_labels = self.label.max() + 1
        speaks = [np.bincount(self.label, row, n_labels) for row in self.excess > self.needed]
        # a label none of whose genes the data hold has no support
        return np.array(speaks) / np.clip(np.bincount(self.label, minlength=n_labels), 1, None)

    @property
    def breadth(self) -> np.ndarray:
        """Effective number of a label's genes that agree with it, groups x labels."""
        size, n_labels = np.clip(np.nan_to_num(self.excess), 0, None), self.label.max() + 1
        total = np.array([np.bincount(self.label, row, n_labels) for row in size])
        squares = np.array([np.bincount(self.label, row**2, n_labels) for row in size])
        return np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)

    def of(self, group: int, label: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the genes of a label, and the excess of each in a group."""
        pairs = self.label == label
        return self.gene[pairs], self.excess[group, pairs]


def gene_evidence(
    adata: AnnData, model: ProgramVAE, chosen: Chosen, labels: np.ndarray, off: np.ndarray, kind: str
) -> GeneEvidence:
    """Compare contributions of genes in the average cell of each group with the groups in which a label is off.

    Parameters
    ----------
    chosen
        A few hundred cells of each group.
    labels
        Positions of the labels among the model's programs.
    off
        Whether a label is off in a group, groups x labels.
    kind
        Reading of the activities that genes contribute to.
    """
    gene, label = np.nonzero(members(model)[:, labels])
    options = {"kind": kind, "method": "contributions", "statistic": "average_cell"}
    reading, rows = model.reading(adata), []
    # group by group, because genes x programs of all groups would need much memory
    for name in chosen.groups:
        cells = chosen.positions[chosen.labels == name]
        (contributions,) = model.get_attributions(reading, cells, **options)
        rows.append(contributions[gene, labels[label]])
    values = np.array(rows, dtype=float)
    is_off = off[:, label]
    low, high = _mean_of_others(values, is_off), _mean_of_others(values, ~is_off)
    needed = np.nan_to_num(np.clip((high - low) / 2, 0, None))
    return GeneEvidence(gene, label, values - low, needed)


def _mean_of_others(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the mean of all other rows that have weight; NaN if there are none."""
    n_others = weight.sum(axis=0) - weight.astype(int)
    total = (values * weight).sum(axis=0) - values * weight
    return np.divide(total, n_others, out=np.full_like(values, np.nan), where=n_others > 0)


def largest(names: np.ndarray, values: np.ndarray, n: int) -> list[str]:
    """Return the names with the largest positive values."""
    order = np.argsort(-np.nan_to_num(values), kind="stable")[:n]
    return [str(name) for name in names[order[values[order] > 0]]]
