"""Activities after changes of genes, and expression after changes of programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from crystallin import _checks as checks
from crystallin import nn as blocks

from ._attribution import AttributionMixin
from ._explained import TARGETS, Average, Question
from ._session import Reading

if TYPE_CHECKING:
    from anndata import AnnData


class PerturbationMixin(AttributionMixin):
    """Activities and expression after changes of genes and programs."""

    @torch.no_grad()
    def get_activity_without(
        self,
        gene_sets: Sequence[Sequence[str]],
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        baseline: Literal["zero", "mean"] = "zero",
        target: Literal["activity", "encoder"] = "activity",
        programs: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> np.ndarray:
        """Compute mean activities after changing the counts of some genes.

        The depth of cells is not changed. The result describes how activities in the model depend on these genes, and
        not how cells would respond to their loss.

        Parameters
        ----------
        gene_sets
            Sets of genes; the genes of a set are changed together, and an empty set changes nothing.
        adata, indices, target, programs, groups, batch_size
            As in :meth:`get_attributions`.
        baseline
            New counts of the genes: ``"zero"``, or ``"mean"`` for the counts that the model expects if all activities
            are 0 (for ``target="encoder"``, the mean of the training cells).

        Returns
        -------
        Array of sets x groups x programs, float32. Groups are in the order of the categories of ``groups``, or sorted
        if it is not categorical.

        Raises
        ------
        KeyError
            If a gene or program does not exist.
        RuntimeError, ValueError
            As in :meth:`get_attributions`.

        Examples
        --------
        >>> model.get_activity_without([[], ["CD79A"]]).squeeze(1)  # doctest: +SKIP
        """
        dimensions = self._dimensions(programs)
        checks.check_choice(target, "target", tuple(TARGETS))
        checks.check_choice(baseline, "baseline", ("zero", "mean"))
        if target == "encoder":
            self._reader()
        where = {gene: place for place, gene in enumerate(self._prior.genes.tolist())}
        places = [[where[gene] for gene in checks.check_genes(genes, where, may_be_empty=True)] for genes in gene_sets]
        source, chosen = self._source(adata, indices)
        replaced = torch.zeros(len(places), len(where), dtype=torch.bool, device=self.device)
        for row, genes in zip(replaced, places, strict=True):
            row[genes] = True
        profiles = torch.zeros(len(where), 1, device=self.device) if baseline == "zero" else None
        question = Question(self.module, dimensions, profiles)

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells = TARGETS[target](question, tensors, average)
            return torch.stack([cells.value(genes).sum(1) for genes in replaced])

        means = self._group_means(source, chosen, groups, summed, batch_size)
        return np.stack(list(means.values()), axis=1).astype(np.float32)

    @torch.no_grad()
    def get_expression_without(
        self,
        programs: Sequence[str],
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        groups: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> np.ndarray:
        """Compute mean expected expression after setting the activities of some programs to 0.

        Parameters
        ----------
        programs
            Names of the programs to silence together; without names, expression is not changed.
        adata, indices, groups, batch_size
            As in :meth:`get_attributions`.

        Returns
        -------
        Array of groups x genes, float32, in counts per 10,000 (with size factors, counts per unit of these). Groups are
        in the order of the categories of ``groups``, or sorted if it is not categorical.

        Raises
        ------
        KeyError
            If a program does not exist.
        RuntimeError, ValueError
            As in :meth:`get_attributions`.

        Examples
        --------
        >>> model.get_expression_without(["B cell"]).shape  # doctest: +SKIP
        """
        silent = self._dimensions(programs) if len(programs) else []
        source, chosen = self._source(adata, indices)
        weight = self.module.decoder.weight().detach()
        scale = 1e4 if self.module.decoder.normalised else 1.0

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells, start = self.module.posterior_start(tensors)
            z = blocks.refine(cells, start, weight, average().covariance).z
            z[silent] = 0
            return scale * (cells.log_mean(z, weight) - cells.log_depth).exp().sum(1)

        means = self._group_means(source, chosen, groups, summed, batch_size)
        return np.stack(list(means.values())).astype(np.float32)
