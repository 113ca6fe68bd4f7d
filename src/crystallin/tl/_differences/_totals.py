"""Differences of totals, as sums over programs and over genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from crystallin.model import ProgramVAE

# programs that explain a difference between the readings: how many are named, and the smallest share of one
MAX_NAMED, MIN_SHARE = 3, 0.1
SEPARATOR = "; "


@dataclass(frozen=True)
class Totals:
    """How totals depend on activities and on genes.

    Attributes
    ----------
    names
        Names of the latent dimensions: programs, decoys and free programs.
    weights
        Weight of each dimension in each total, programs x dimensions.
    gene_weights
        Weight of each gene's log rate in each total, programs x genes.
    loadings
        Genes x dimensions.
    """

    names: np.ndarray
    weights: np.ndarray
    gene_weights: sparse.csr_matrix
    loadings: np.ndarray

    @classmethod
    def of(cls, model: ProgramVAE) -> Totals:
        """Return the totals of a model."""
        weights = model.get_total_weights()
        return cls(
            weights.columns.to_numpy(dtype=object),
            weights.to_numpy(dtype=float),
            sparse.csr_matrix(model.get_total_weights("genes").to_numpy(dtype=float)),
            model.get_loadings().to_numpy(),
        )

    def columns(self, unique: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
        """Return ``total_breadth`` and ``explained_by`` from differences of mean activities in the two readings."""
        difference = self.of_dimensions(unique, total)
        return {"total_breadth": self.breadths(difference), "explained_by": self.explained_by(difference)}

    def of_dimensions(self, unique: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Return the difference of each latent dimension.

        Free programs are not compared themselves. Their differences follow from the parts of the totals that the
        programs leave over, because there are usually far more programs than free ones.
        """
        n_programs = len(unique)
        left_over = total - self.weights[:, :n_programs] @ unique
        # programs whose genes are not measured have no total
        known = total != 0
        others = np.linalg.lstsq(self.weights[known, n_programs:], left_over[known], rcond=None)[0]
        return np.concatenate([unique, others])

    def breadths(self, difference: np.ndarray) -> np.ndarray:
        """Compute the effective number of members that contribute to the difference of each total."""
        change = np.abs(self.loadings @ difference)
        size = abs(self.gene_weights) @ change
        squares = self.gene_weights.power(2) @ change**2
        return np.divide(size**2, squares, out=np.zeros_like(size), where=squares > 0)

    def explained_by(self, difference: np.ndarray) -> np.ndarray:
        """Name, for each program, the others that are responsible if its total differs from its own part of it.

        A total is the sum of the program's own part and the parts of all other dimensions. If the other parts together
        are larger than its own, up to three with the largest parts in their direction are named, each of at least a
        tenth of the absolute sum of the other parts.
        """
        n_programs = len(self.weights)
        parts = self.weights * difference
        place = np.arange(n_programs)
        own = parts[place, place]
        parts[place, place] = 0
        others, size = parts.sum(axis=1), np.abs(parts).sum(axis=1)
        along = parts * np.sign(others)[:, None]
        explained = np.full(n_programs, "", dtype=object)
        for k in np.flatnonzero(np.abs(others) > np.abs(own)):
            order = np.argsort(-along[k], kind="stable")[:MAX_NAMED]
            explained[k] = SEPARATOR.join(self.names[order[along[k, order] >= MIN_SHARE * size[k]]])
        return explained
