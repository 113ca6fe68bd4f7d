"""Which genes activities come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin.nn import gene_contributions, refine

from ._reading import ReadingMixin, Request
from ._seeding import seeded

if TYPE_CHECKING:
    from anndata import AnnData

# nearer to the mode than activities need: contributions sum to the activity as closely as it is found
TOLERANCE, MAX_STEPS = 1e-6, 100


class AttributionMixin(ReadingMixin):
    """Contributions of genes to activities."""

    _random_state: int

    @torch.inference_mode()
    def get_gene_contributions(
        self,
        program: str,
        adata: AnnData | None = None,
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
        cell's total.

        Parameters
        ----------
        program
            Name of the program.
        adata
            Data with the model's genes in the model's order; ``None`` takes the data of the model.
        indices
            Positions of the cells wanted; ``None`` for all.
        groups
            Label of each of these cells; ``None`` puts all in one group, ``"all"``.
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
        (program,) = checks.check_program_names(program, list(self._prior.programs))
        dimension = list(self._prior.programs).index(program)
        self._check_counts_are_there()
        adata, chosen = self._checked(Request(adata, indices, batch_size, None))
        labels = np.full(len(chosen), "all") if groups is None else np.asarray(groups).astype(str)
        if len(labels) != len(chosen):
            msg = f"groups has {len(labels)} labels for {len(chosen)} cells; give one for each."
            raise ValueError(msg)
        weight, columns = self.module.decoder.weight().detach(), {}
        with seeded(self._random_state):
            for label in np.unique(labels):
                cells = chosen[labels == label]
                sample, minibatches = self._minibatches(Request(adata, cells, batch_size, None))
                start = self.module.average_cell(sample).covariance
                total = torch.zeros(len(self._prior.genes), dtype=torch.float64)
                for tensors in minibatches:
                    batch, mean = self.module.posterior_start(tensors)
                    point = refine(batch, mean, weight, start, tolerance=TOLERANCE, max_steps=MAX_STEPS)
                    total += gene_contributions(batch, point, weight, start, dimension).sum(1).double().cpu()
                columns[str(label)] = (total / len(cells)).numpy()
        return pd.DataFrame(columns, index=self._prior.genes)
