"""How the totals of programs depend on activities and on genes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin._keys import UNIQUE
from crystallin.nn import total_gene_weights, total_matrix

from ._reading import ReadingMixin
from ._unmeasured import typical_information


class TotalMixin(ReadingMixin):
    """``get_total_weights``, and the rows that stand for programs in each reading."""

    @torch.inference_mode()
    def get_total_weights(self, on: Literal["activities", "genes"] = "activities") -> pd.DataFrame:
        """Return the weights of which total activities are weighted sums.

        The total activity of a program (``get_activity(kind="total")``) is a weighted sum of the log rates of its
        genes. Log rates are weighted sums of activities, and so is the total of a program: one over all programs.

        Parameters
        ----------
        on
            ``"activities"`` returns the weight of the (unique) activity of each program and free program;
            the squares of a program's weights sum to 1. ``"genes"`` returns the weight of each gene's log rate, which
            is 0 for genes that are not members; multiplied by the loadings, these give the weights of the activities.

        Returns
        -------
        DataFrame of programs x latent dimensions, or of programs x genes, float32. The names of the dimensions are the
        columns of :meth:`get_loadings`, programs and free programs. A program whose genes have no loadings has weights
        of 0 on activities.

        Raises
        ------
        ValueError
            If ``on`` is unknown.

        Examples
        --------
        >>> model.get_total_weights().loc["B cell"].nlargest(5)  # doctest: +SKIP
        """
        checks.check_choice(on, "on", ("activities", "genes"))
        if on == "activities":
            names = self._dimension_names()
            return self._frame(self._total_matrix()[:, : len(names)], names)
        weights = total_gene_weights(self.module.decoder.weight().detach(), self._information())
        return self._frame(weights, self._prior.genes)

    def _rows(self, dimensions: torch.Tensor, kind: str) -> torch.Tensor:
        """Return what stands for the programs at ``dimensions`` in a reading, as in :func:`crystallin.nn.rows_of`."""
        return dimensions if kind == UNIQUE else self._total_matrix()[dimensions]

    def _total_matrix(self) -> torch.Tensor:
        if self.mapped_ is not None:
            # totals mean the same in a query as in the reference, whichever genes were measured
            return torch.as_tensor(self.mapped_["totals"], device=self.device)
        return total_matrix(self.module.decoder.weight().detach(), self._information())

    def _information(self) -> torch.Tensor:
        return torch.as_tensor(typical_information(self.module), dtype=torch.float32, device=self.device)

    def _dimension_names(self) -> list[str]:
        """Return names of the programs, then of the free programs in use; other dimensions have no loadings."""
        return [*self._prior.programs, *self.free_names]

    def _frame(self, weights: torch.Tensor, columns: list[str] | np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(weights.cpu().numpy(), index=self._prior.programs, columns=columns)
