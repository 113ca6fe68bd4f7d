"""Which genes activities come from: of one program exactly, of all programs for the average cell of a group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from crystallin import nn as blocks

from ._attribution import AttributionMixin, cell_labels
from ._explained import Average
from ._seeding import seeded
from ._session import N_AVERAGED, Reading

if TYPE_CHECKING:
    from anndata import AnnData


class ContributionsMixin(AttributionMixin):
    """Contributions of genes to activities, quicker than one cell at a time."""

    @torch.inference_mode()
    def get_gene_contributions(
        self,
        program: str,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        groups: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> pd.DataFrame:
        """Mean contribution of each gene to a program's activity; contributions sum to the mean activity.

        At the posterior's mode the activity is a weighted sum over genes of how far each gene's log rate is from that
        of a cell without activities: the last step of iteratively reweighted least squares (McCullagh & Nelder 1989,
        Generalized Linear Models, section 2.5), with the prior as ridge. It is exact, needs no baseline but the cell
        without activities, and is about the refined activity. Genes outside the program contribute where programs
        overlap, as what one explains is taken from the other, and all of them a little, as rates are relative to the
        cell's total. The same as :meth:`get_attributions` with ``method="contributions"``, quicker for one program of
        many.

        Parameters
        ----------
        program
            Name of the program.
        adata
            Data with the model's genes in the model's order, or a :meth:`reading` of them; ``None`` takes the data of
            the model. Nothing is written to them.
        indices
            Cells wanted: positions from 0, names, or a Boolean for each cell; ``None`` for all.
        groups
            Label of each of these cells; a Series is aligned by the names of the cells. ``None`` puts all in one group,
            ``"all"``.
        batch_size
            Cells per minibatch; ``None`` is ``scvi.settings.batch_size``.

        Returns
        -------
        DataFrame of genes x groups, in units of activity.

        Raises
        ------
        KeyError
            If there is no such program.
        RuntimeError
            If the model is not trained.
        ValueError
            If the genes differ from the model's, the data are minified, or there is not one label for each cell.

        Examples
        --------
        >>> model.get_gene_contributions("B cell")["all"].nlargest(5)  # doctest: +SKIP
        """
        (dimension,) = self._dimensions(program).tolist()
        source, chosen = self._source(adata, indices)
        weight = self.module.decoder.weight().detach()

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells, mean = self.module.posterior_start(tensors)
            point = blocks.precise_mode(cells, mean, weight, average().covariance)
            return blocks.gene_contributions(cells, point, weight, average().covariance, dimension).sum(1)

        columns = self._group_means(source, chosen, groups, summed, batch_size)
        return pd.DataFrame(columns, index=self._prior.genes)

    @torch.inference_mode()
    def get_average_contributions(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        groups: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Contributions of genes to all programs' activities in the average cell of each group.

        As by :meth:`get_attributions` with ``method="contributions"``, but with one matrix for a group rather than one
        for each cell: hundreds of times quicker with many programs, and close (benchmarks/attribution.py).

        Parameters
        ----------
        adata, indices, groups
            As in :meth:`get_attributions`.

        Returns
        -------
        Array, float32: groups x genes x programs, groups in sorted order.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`get_attributions`.

        Examples
        --------
        >>> model.get_average_contributions(indices=range(100)).shape  # doctest: +SKIP
        """
        source, chosen = self._source(adata, indices)
        labels = cell_labels(groups, source.obs_names[chosen])
        n_programs, parts = self._prior.n_programs, []
        with seeded(self._random_state):
            for label in np.unique(labels):
                average, terms = self._average_departure(source, chosen[labels == label])
                pulled = (average.covariance @ average.weight)[:n_programs] * terms
                parts.append(pulled.T.cpu().numpy())
        return np.stack(parts)

    def _average_departure(self, source: Reading, positions: np.ndarray) -> tuple[blocks.AverageCell, torch.Tensor]:
        """The average cell at the modes of some cells, and the mean of what departs there, per gene."""
        weight, terms = self.module.decoder.weight().detach(), blocks.RunningMean()
        preconditioner = self.module.average_cell(source.sample(positions)).covariance

        def information() -> Iterator[blocks.Information]:
            for tensors in source.minibatches(positions, N_AVERAGED):
                cells, start = self.module.posterior_start(tensors)
                pull = blocks.departure(cells, blocks.refine(cells, start, weight, preconditioner).z, weight)
                terms.add([pull.terms.mean(1)], pull.terms.shape[1])
                yield pull.information

        average = blocks.AverageCell.over(information())
        return average, terms.values[0]
