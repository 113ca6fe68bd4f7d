"""Importance of programs for the fit of cells, and interactions of genes in the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin import nn as blocks

from ._attribution import AttributionMixin
from ._explained import Average, EncoderCells, Question
from ._session import Reading

if TYPE_CHECKING:
    from anndata import AnnData


class ImportanceMixin(AttributionMixin):
    """Attributions of the log-likelihood to programs, and interactions of genes."""

    @torch.inference_mode()
    def get_program_importance(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        groups: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> pd.DataFrame:
        """Compute how much each program adds to the log-likelihood of a cell's counts.

        Importances are integrated gradients of the log-likelihood along the path from zero to the refined activities.
        Together with those of free programs, which are not returned, they sum to the gain in log-likelihood.

        Parameters
        ----------
        adata, indices, groups, batch_size
            As in :meth:`get_attributions`.

        Returns
        -------
        DataFrame of programs (including decoys) x groups, in nats per cell.

        Raises
        ------
        RuntimeError, ValueError
            As in :meth:`get_attributions`.

        Examples
        --------
        >>> model.get_program_importance()["all"].nlargest(5)  # doctest: +SKIP
        """
        source, chosen = self._source(adata, indices)
        weight, n_programs = self.module.decoder.weight().detach(), self._prior.n_programs

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells, start = self.module.posterior_start(tensors)
            z = blocks.refine(cells, start, weight, average().covariance).z
            return blocks.fit_by_program(cells, z, weight)[:n_programs].sum(1)

        columns = self._group_means(source, chosen, groups, summed, batch_size)
        return pd.DataFrame(columns, index=self._prior.programs)

    @torch.inference_mode()
    def get_interactions(
        self,
        program: str,
        genes: Sequence[str],
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        baseline: str = "mean",
        groups: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Compute interactions of genes in the encoder's mean of a program; see :func:`crystallin.tl.interactions`.

        Parameters
        ----------
        program
            Name of the program.
        genes
            Names of the genes.
        adata, indices, groups, batch_size
            As in :meth:`get_attributions`.
        baseline
            ``"mean"`` or ``"zero"``, as in :meth:`get_attributions` for the encoder.

        Returns
        -------
        Dict from group to a symmetric DataFrame of genes x genes with mean interactions, in units of activity.

        Raises
        ------
        KeyError
            If the program or a gene does not exist.
        ValueError
            If the encoder has no context network, without which genes do not interact, or one with more layers.

        Examples
        --------
        >>> model.get_interactions("B cell", ["CD79A", "CD79B", "MS4A1"])["all"]  # doctest: +SKIP
        """
        dimensions, where = self._dimensions(program), self._prior.genes.tolist()
        genes = checks.check_genes(genes, where)
        reader = self._reader()
        is_deep = isinstance(reader, blocks.DeepReader)
        if is_deep or not len(reader.bias):
            has = "has one with more layers" if is_deep else "has none"
            msg = f"Interactions need an encoder with a context network of one hidden layer; this model {has}."
            raise ValueError(msg)
        checks.check_choice(baseline, "baseline", ("mean", "zero"))
        source, chosen = self._source(adata, indices)
        profiles = None if baseline == "mean" else torch.zeros(len(where), 1, device=self.device)
        question = Question(self.module, dimensions, profiles)
        places = torch.tensor([where.index(gene) for gene in genes], device=self.device)

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells = EncoderCells(question, tensors, average)
            return blocks.interactions(cells.reader, cells.x, cells.baseline, places)[0]

        means = self._group_means(source, chosen, groups, summed, batch_size)
        return {label: pd.DataFrame(values, index=genes, columns=genes) for label, values in means.items()}
